"""Everything sfxpack raises on purpose; each message names the path and the way out."""

from __future__ import annotations

from collections.abc import Sequence


class SfxpackError(Exception):
    """Root of all errors a user can cause or meet; `exit_code` is the one of `format.layout`."""

    exit_code = 1


class UsageError(SfxpackError):
    """The request contradicts itself or names something that does not exist."""

    exit_code = 2


class DiscoveryError(SfxpackError):
    """The environment is missing, unreadable, or cannot be packed as it is."""

    exit_code = 2


class UnreadableError(DiscoveryError):
    """Files or folders that this user may not read; the message lists all of them."""

    exit_code = 8


class ChangedError(SfxpackError):
    """A file changed while the environment was being read."""

    exit_code = 8


class ArtifactError(SfxpackError):
    """An artifact violates the format; `verdict` is its name in `format.layout.Verdict`."""

    exit_code = 3

    def __init__(self, verdict: str, message: str) -> None:
        super().__init__(f"{message} ({verdict})")
        self.verdict = verdict
        """Name of the first check that failed, as in SPEC."""


class OutputError(SfxpackError):
    """The artifact cannot be written where it was asked for."""

    exit_code = 8


class SigningError(SfxpackError):
    """The tool that signs failed, or what it left is not the file with a signature."""

    exit_code = 11


class ResourceError(SfxpackError):
    """A stub, template or notice that belongs to sfxpack itself is not there."""


class StubError(SfxpackError):
    """The native stub, run by the builder, failed; carries its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ProofError(SfxpackError):
    """Neutral content rendered with the old prefix is not what lies on disk: a defect of sfxpack."""


def naming(text: str, named: Sequence[str], most: int = 50) -> str:
    """A message and what it is about, one a line; more than `most` are counted."""
    more = [f"and {len(named) - most} more"] if len(named) > most else []
    return "\n  ".join([text, *named[:most], *more])
