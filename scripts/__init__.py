"""The scripts of a checkout, and what they share."""
