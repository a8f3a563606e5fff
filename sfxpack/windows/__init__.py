"""What a `.exe` has that no other artifact has: icon and version, a signature, names that Windows allows."""
