"""The file format: numbers in `layout`, meaning in SPEC.md, `encode` writes it, `decode` reads it.

`fields` tells what a record is.
"""
