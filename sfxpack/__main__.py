"""`python -m sfxpack`."""

from sfxpack.cli import main

main()
