"""Self-extracting, relocatable installers from environments: `build`, `scan`, `inspect`, `verify`, `extract`."""

__version__ = "0.1.0"

from sfxpack.build import Result, build
from sfxpack.errors import SfxpackError
from sfxpack.extract import extract
from sfxpack.inspect import Inspection, inspect
from sfxpack.request import Request
from sfxpack.scan import Scan, scan
from sfxpack.verify import verify

__all__ = [
    "Inspection",
    "Request",
    "Result",
    "Scan",
    "SfxpackError",
    "__version__",
    "build",
    "extract",
    "inspect",
    "scan",
    "verify",
]
