"""The stub's relocator renders what the oracle renders, takes it back, and sees every change on the way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sfxpack import neutral, reference
from sfxpack.format.layout import Derived, Encoding, EntryKind, PycDetail, ShebangForm, SiteFlag, Strategy
from sfxpack.format.tables import Index, IndexEntry, IndexSite
from sfxpack.model import Neutral
from tests.property.strategies import SETTINGS, prefixes
from tests.property.test_sites import NAMES, contents, find
from tests.relocator import RefusedError, Relocator, alone, tree
from tests.sitekit import environment

WIDE = {Encoding.UTF16LE: 2, Encoding.UTF16BE: 2, Encoding.UTF32LE: 4, Encoding.UTF32BE: 4}
BYTES = st.one_of(st.binary(max_size=8), st.sampled_from([b"/lib", b":", b"\0\0\0", b"ab\0", "ü".encode()]))


@st.composite
def hits(draw: st.DrawFn, last: int, first: int = 0) -> tuple[int, ...]:
    return tuple(sorted(draw(st.sets(st.integers(first, last), min_size=1, max_size=4))))


@st.composite
def sites(draw: st.DrawFn, offset: int, strategies: list[Strategy], prefix: bytes) -> tuple[IndexSite, bytes]:
    """One site that the format allows, and the bytes of its span: often just as long as `prefix` needs it, or not."""
    strategy = draw(st.sampled_from(strategies))
    if strategy is Strategy.DERIVED:
        kinds = [kind for kind in Derived if offset >= 4 or not kind.name.startswith("SIPHASH")]
        return IndexSite(offset, 0, strategy, draw(st.sampled_from(kinds)), (), target=0), b""
    nearly = draw(st.integers(-1, 2))
    if strategy is Strategy.SLASH:
        wide = draw(st.sampled_from([kind for kind in Encoding if kind is not Encoding.JSON_SLASH]))
        units = draw(st.sampled_from([len(prefix), len(prefix.decode(errors="replace")), 50]))
        span = bytes(max(units + nearly, 1) * WIDE.get(wide, 1))
        return IndexSite(offset, len(span), strategy, wide, (), draw(st.sampled_from([0, SiteFlag.SOFT]))), span
    span = draw(BYTES)
    found = draw(hits(len(span)))
    size = len(span) + len(found) * len(prefix)
    if strategy is Strategy.CSTRING:
        span += bytes(max(len(found) * len(prefix) + nearly, 1))
        return IndexSite(offset, len(span), strategy, hits=found), span
    if strategy is Strategy.PYC:
        span += b"x" * (draw(st.booleans()) * max(254 + nearly - size, 0))
        return IndexSite(offset, len(span), strategy, hits=found, detail=draw(st.integers(0, sum(PycDetail)))), span
    flags = draw(st.sampled_from([0, SiteFlag.UNQUOTED]))
    return IndexSite(offset, len(span), strategy, draw(st.sampled_from(list(Encoding))), found, flags), span


@st.composite
def shebangs(draw: st.DrawFn, prefix: bytes) -> IndexSite:
    """As scripts have them, often of just the length that a kernel takes; or of any parts."""
    names = st.sampled_from([b"python3", b"ruby3.1", b"perl", b"r"])
    form = draw(st.sampled_from(list(ShebangForm)))
    if draw(st.booleans()):
        start = b"#!" + draw(st.sampled_from([b"", b" "]))
        line = start + b"/bin/" + draw(names) + draw(st.sampled_from([b"", b" -x", b" -x  y "]))
        line += b"y" * (draw(st.booleans()) * max(127 + draw(st.integers(-1, 2)) - len(line) - len(prefix), 0))
        return IndexSite(0, len(line), Strategy.SHEBANG, hits=(len(start),), detail=form, line=line)
    parts = st.one_of(names, st.sampled_from([b" ", b"\t", b"/bin/", b" -x ", b'"$`\\']))
    line = b"#!" + b"".join(draw(st.lists(parts)))
    return IndexSite(0, len(line), Strategy.SHEBANG, hits=draw(hits(len(line), 2)), detail=form, line=line)


@st.composite
def files(
    draw: st.DrawFn, strategies: list[Strategy], prefix: bytes
) -> tuple[bytes, tuple[IndexSite, ...], tuple[int, ...]]:
    """Content, its sites, and where it may be cut."""
    content = b""
    found: list[IndexSite] = []
    cuts: list[int] = []
    if draw(st.booleans()):
        found.append(draw(shebangs(prefix)))
        content = found[0].line
    for _ in range(draw(st.integers(0, 5))):
        content += draw(BYTES)
        cuts.append(len(content))
        site, span = draw(sites(len(content), strategies, prefix))
        found.append(site)
        content += span
    content += draw(BYTES)
    whole = any(site.strategy in (Strategy.SHEBANG, Strategy.DERIVED) for site in found)
    chosen = [] if whole or not cuts else sorted(draw(st.sets(st.sampled_from(cuts))) - {0, len(content)})
    return content, tuple(found), tuple(chosen)


@st.composite
def trees(draw: st.DrawFn) -> tuple[Index, tuple[bytes, ...], bytes]:
    """Two files, the second of which has values of the first, and a link; and a prefix, which need not be text."""
    prefix = draw(st.one_of(prefixes(), prefixes().map(lambda text: text + b"\xff"), st.just(b"/p")))
    direct = [Strategy.TEXT, Strategy.CSTRING, Strategy.SLASH, Strategy.PYC]
    first, first_sites, first_cuts = draw(files(direct, prefix))
    second, second_sites, second_cuts = draw(files([*direct, Strategy.DERIVED], prefix))
    if not second and any(site.strategy is Strategy.DERIVED for site in second_sites):
        second += b"x"  # nothing has level 0
    text = draw(st.sampled_from([b"x", b"../lib", b"/bin/y"]))
    link = IndexSite(0, len(text), Strategy.TEXT, hits=draw(hits(len(text))))
    entries = (
        IndexEntry(EntryKind.FILE, b"a", 0o644, 0, draw(st.integers(0, 2**40 - 1)), b"", first_sites),
        IndexEntry(EntryKind.LINK, b"b", link=text, sites=(link,) if draw(st.booleans()) else ()),
        IndexEntry(EntryKind.FILE, b"c", 0o755, 1, 1_600_000_000, b"", second_sites),
    )
    return tree(entries, (first, second), (first_cuts, second_cuts)), (first, second), prefix


def expected(index: Index, contents: tuple[bytes, ...], prefix: bytes) -> tuple[bytes, ...] | None:
    """What the oracle says: the entries, or that the prefix does not fit."""
    try:
        rendered = reference.render_tree(index, contents, prefix)
    except ValueError:
        return None
    return tuple(rendered[position] for position in range(len(index.entries)))


@given(made=trees())
@SETTINGS
def test_any_sites_are_rendered_as_the_oracle_does(
    stub_says: Relocator, made: tuple[Index, tuple[bytes, ...], bytes]
) -> None:
    entries = expected(*made)
    try:
        answer = stub_says.ask(*made)
    except RefusedError:
        assert entries is None
        return
    assert answer.entries == entries
    assert stub_says.ask(*made, installed=answer.entries[-1]).neutral == made[1][1]


@given(made=trees(), data=st.data())
@SETTINGS
def test_no_change_of_an_installed_file_passes_unseen(
    stub_says: Relocator, made: tuple[Index, tuple[bytes, ...], bytes], data: st.DataObject
) -> None:
    try:
        installed = stub_says.ask(*made).entries[-1]
    except RefusedError:
        return
    at = data.draw(st.integers(0, len(installed)))
    replaced = data.draw(st.integers(0, 2))
    changed = installed[:at] + data.draw(st.binary(max_size=2)) + installed[at + replaced :]
    if changed != installed:
        assert stub_says.ask(*made, installed=changed).neutral != made[1][1]


@given(data=st.data(), root=prefixes(), new=prefixes(), path=st.sampled_from(NAMES))
@SETTINGS
def test_what_the_finders_found_moves_and_comes_back(
    stub_says: Relocator, data: st.DataObject, root: bytes, new: bytes, path: bytes
) -> None:
    """Old, new, old: each time through the neutral content that the way back gives."""
    content = data.draw(contents(root))
    found = find(path, content, environment(root))
    result = neutral.neutralise(content, found)
    there = same(stub_says, result, new)
    if there is not None:
        back = stub_says.neutralise(result, new, there)
        assert back == result.content
        home = same(stub_says, Neutral(back, result.sites), root)
        if not any(site.renamed for site in found.sites):
            assert home == content


def same(stub_says: Relocator, result: Neutral, prefix: bytes) -> bytes | None:
    """What both render; None if both say that the prefix does not fit."""
    index, contents_ = alone(result)
    entries = expected(index, contents_, prefix)
    try:
        answer = stub_says.render(result, prefix)
    except RefusedError:
        assert entries is None
        return None
    assert (answer,) == entries
    return answer
