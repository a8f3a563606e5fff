"""Paths and contents: awkward ones by hand, and generated ones."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SETTINGS = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)

_NAMES = st.one_of(
    st.sampled_from(
        ["opt", "env", "a", "x.y", "my env", "it's", 'a"b', "b\\c", "$x", "`", "ü", "中", "😀", "placehold" * 20]
    ),
    st.text(
        st.characters(blacklist_characters="/\0", blacklist_categories=("Cc", "Cs")), min_size=1, max_size=12
    ).filter(lambda name: name not in (".", "..")),
)


@st.composite
def prefixes(draw: st.DrawFn) -> bytes:
    """Absolute paths without control characters, UTF-8, no trailing slash."""
    return "".join("/" + name for name in draw(st.lists(_NAMES, min_size=1, max_size=4))).encode()


@st.composite
def tidy_prefixes(draw: st.DrawFn) -> bytes:
    """Prefixes that no quoting changes and no boundary rule doubts."""
    names = st.text("abcxyz0123456789_", min_size=1, max_size=10)
    return "".join("/" + name for name in draw(st.lists(names, min_size=1, max_size=4))).encode()
