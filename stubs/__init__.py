"""How the native stubs are built: used by the build hook and `scripts/build_stubs`, never by the installed package."""
