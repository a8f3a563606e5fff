"""Self-extracting, relocatable installers from environments."""

__version__ = "0.1.0"
