"""The records of the format, field by field: type, meaning and what a reader checks.

The Python writer and reader use these records directly; `scripts/gen_layout` renders the readers in
`stubs/src/layout.h` and the tables of SPEC.md from them. All integers are little-endian; records have no
implicit padding.
"""

from __future__ import annotations

from typing import Final

from sfxpack.format.fields import Field, Record

LOCATOR: Final = Record(
    "locator",
    (
        Field("magic", "b8", "89 53 46 58 50 0D 0A 1A", "equals MAGIC, else bad_magic"),
        Field("version", "u16", "format version", "equals 1, else bad_version"),
        Field("platform", "u16", "target platform", "a Platform, else bad_platform"),
        Field("must_understand", "u32", "features a reader must know", "0, else unknown_feature"),
        Field("may_ignore", "u32", "features a reader may ignore", "free"),
        Field("part_count", "u32", "further files that the stream goes on in", "at most MAX_PARTS, else bad_extent"),
        Field("stub_count", "z4", "further stubs", "0, else unknown_feature"),
        Field(
            "stub_offset",
            "u64",
            "bytes of the header, padded",
            "multiple of 4096, at most MAX_HEADER, 0 for Windows, else bad_extent",
        ),
        Field("stub_size", "u64", "bytes of the stub", "1 to MAX_STUB, else bad_extent"),
        Field(
            "locator_offset",
            "u64",
            "where this record stands",
            "where the reader found it, and stub_offset + stub_size rounded up to 4096, else bad_extent",
        ),
        Field(
            "index_offset",
            "u64",
            "start of the index frame; the blocks end here",
            "at or after the end of the locator, else bad_extent",
        ),
        Field("index_size", "u64", "compressed bytes of the index", "1 to MAX_INDEX_SIZE, else bad_extent"),
        Field("index_raw_size", "u64", "decompressed bytes of the index", "1 to MAX_INDEX_RAW, else bad_extent"),
        Field(
            "total_size",
            "u64",
            "bytes of the stream, of the file where there are no parts",
            "index_offset + index_size, below 2**63, else bad_extent; equals the file's size, to which a signed .exe "
            "adds its certificate table, else truncated or "
            "trailing_bytes; with parts first_size does",
        ),
        Field(
            "front_digest",
            "b32",
            "of all bytes before the locator, what signing changes as zeros",
            "equal, else bad_front_digest",
        ),
        Field("index_digest", "b32", "of the index frame; names the build", "equal, else bad_index_digest"),
        Field("base_build", "z32", "build a delta applies to", "0, else unknown_feature"),
        Field("key_id", "z8", "which key signed", "0, else unknown_feature"),
        Field("signature", "z64", "Ed25519 over the fields before key_id", "0, else unknown_feature"),
        Field("reserved", "z212", "for later versions", "0, else unknown_feature"),
        Field(
            "first_size",
            "u64",
            "bytes of the first file; 0 without parts",
            "0 without parts, else at least the end of the locator and below total_size, else bad_extent",
        ),
        Field(
            "part_size",
            "u64",
            "bytes of the stream in each part but the last; 0 without parts",
            "0 without parts, else part_count of them, the last not empty, are the rest of the stream, else bad_extent",
        ),
        Field("digest", "b32", "of all bytes of the locator before it", "equal, else bad_locator_digest"),
    ),
)

PART: Final = Record(
    "part",
    (
        Field("magic", "b8", "89 53 46 58 50 0D 0A 1B", "equals PART_MAGIC, else bad_part"),
        Field("version", "u16", "format version", "equals 1, else bad_part"),
        Field("reserved", "z6", "for later versions", "0, else unknown_feature"),
        Field("number", "u32", "which part, counted from 1", "the one its name says, else bad_part"),
        Field("count", "u32", "parts there are", "part_count of the locator, else bad_part"),
        Field(
            "size", "u64", "bytes of the stream that follow and end the file", "as the locator has it, else bad_part"
        ),
        Field("index_digest", "b32", "names the build", "that of the locator, else bad_part"),
        Field("digest", "b32", "of all bytes of this record before it", "equal, else bad_part"),
    ),
)

INDEX_HEADER: Final = Record(
    "index_header",
    (
        Field("magic", "b4", "`SFXI`", "equal, else bad_table"),
        Field("block_count", "u32", "records in the block table", "the tables fill the index exactly, else bad_table"),
        Field("content_count", "u32", "records in the content table", "as above"),
        Field("entry_count", "u32", "records in the entry table", "as above"),
        Field(
            "site_count", "u32", "records in the site table", "as above; the entries' counts sum to it, else bad_site"
        ),
        Field(
            "hit_count", "u32", "u32 values in the hit table", "as above; the sites' counts sum to it, else bad_site"
        ),
        Field("requirement_count", "u32", "records in the requirement table", "as above"),
        Field("strings_size", "u32", "bytes of the string table", "as above"),
        Field(
            "tree_count",
            "u32",
            "entries with the flag TREE",
            "at most MAX_TREES, else bad_table; as many as there are, else bad_entry",
        ),
        Field("hook_count", "u32", "records in the hook table", "as above"),
    ),
)

PRODUCT: Final = Record(
    "product",
    (
        Field("name", "str", "name of the product", "a string, one component, not empty, else bad_string"),
        Field("release", "str", "its release, or empty", "a string, else bad_string"),
        Field("default_prefix", "str", "where to install by default, or empty", "a string, else bad_string"),
        Field("creator", "str", "`sfxpack` and its version", "a string, else bad_string"),
        Field("report", "str", "JSON: what the builder found; never needed to install", "a string, else bad_string"),
        Field("notices", "str", "licence texts of what the stub contains", "a string, else bad_string"),
        Field(
            "activation",
            "str",
            "what to type after installing, below the prefix, or empty",
            "a string, else bad_string",
        ),
        Field(
            "compile",
            "str",
            "interpreter that compiles the Python files after installing, below the prefix or each tree; or empty",
            "a string, else bad_string; empty, or an entry that is no directory, in each tree, else bad_entry",
        ),
        Field(
            "tree_size", "u64", "neutral bytes of all files, shared content counted per path", "the sum, else bad_entry"
        ),
        Field("prefix_limit", "u32", "longest prefix in bytes a hard site allows, or NO_LIMIT", "free"),
        Field("prefix_limit_entry", "u32", "entry that imposes it, or NO_ENTRY", "an entry, else bad_entry"),
    ),
)

BLOCK: Final = Record(
    "block",
    (
        Field(
            "size",
            "u32",
            "compressed bytes; blocks follow each other without gap",
            "1 to MAX_BLOCK_SIZE, else bad_block",
        ),
        Field("raw_size", "u32", "decompressed bytes", "1 to MAX_BLOCK_RAW, else bad_block"),
        Field(
            "level",
            "u8",
            "written after every block of a lower level",
            "not below the block before, at most MAX_LEVEL, else bad_block",
        ),
        Field("filter", "z1", "transformation before compression", "0, else unknown_feature"),
        Field("dictionary", "z2", "zstd dictionary", "0, else unknown_feature"),
        Field("digest", "b32", "of the compressed bytes", "equal, else bad_block_digest"),
    ),
)

CONTENT: Final = Record(
    "content",
    (
        Field(
            "size",
            "u64",
            "neutral bytes; contents follow each other in the decompressed blocks",
            "the sizes sum to those of the blocks; all blocks of a content have one level, else bad_content",
        ),
        Field("digest", "b32", "of the neutral bytes", "checked by verify: equal, else bad_content_digest"),
    ),
)

ENTRY: Final = Record(
    "entry",
    (
        Field("kind", "u8", "an EntryKind", "known, else bad_entry"),
        Field("flags", "u8", "EntryFlag bits", "known bits; TREE for a directory at the top only, else bad_entry"),
        Field("mode", "u16", "permission bits", "at most 0777, no write for others, 0 for links, else bad_entry"),
        Field(
            "target",
            "u32",
            "file: content; hard link: entry of its file; else 0",
            "file: a content, else bad_entry; hard link: an earlier file, else bad_link; else 0, else bad_entry",
        ),
        Field("mtime", "u64", "seconds since 1970-01-01 UTC; 0 for links", "below 2**40, else bad_entry"),
        Field(
            "path",
            "str",
            "below the prefix, components joined by `/`",
            "components not empty, `.` or `..`, at most MAX_NAME; at most MAX_PATH; neither `.sfxpack` nor "
            "`.sfxpack.new` nor below one of them, else bad_path; after the entry before it, its directory an entry, "
            "else bad_order",
        ),
        Field(
            "link",
            "str",
            "text of a link, neutral; empty for others",
            "links: 1 to MAX_PATH bytes or with sites, else bad_link",
        ),
        Field(
            "site_count",
            "u32",
            "sites of this entry, which follow those of the entry before",
            "0 unless file or link, else bad_site; links: TEXT and PLAIN only, else bad_site",
        ),
    ),
)

SITE: Final = Record(
    "site",
    (
        Field(
            "offset",
            "u64",
            "in the neutral content or link text",
            "at or after the end of the site before (two splices may share an offset); offset + span inside; "
            "SHEBANG: 0; SIPHASH13, SIPHASH24: at least 4, else bad_site",
        ),
        Field(
            "span",
            "u32",
            "neutral bytes that the rendering replaces",
            "as above; see the table of strategies, else bad_site",
        ),
        Field(
            "hit_count",
            "u16",
            "hits of this site, which follow those of the site before",
            "SLASH, DERIVED: 0; others: at least 1, else bad_site",
        ),
        Field("strategy", "u8", "a Strategy", "known, else bad_site"),
        Field(
            "encoding",
            "u8",
            "an Encoding; for DERIVED a Derived",
            "known; SHEBANG, PYC: PLAIN; CSTRING: PLAIN, UTF16 or UTF32; SLASH: not JSON_SLASH, else bad_site",
        ),
        Field("flags", "u8", "SiteFlag bits", "known bits, SOFT for SLASH only, else bad_site"),
        Field("detail", "u8", "PYC: PycDetail bits; SHEBANG: a ShebangForm; else 0", "known, else bad_site"),
        Field("reserved", "z2", "for later versions", "0, else unknown_feature"),
        Field(
            "target",
            "u32",
            "DERIVED: entry of the file; SHEBANG: where its line starts in the string table; else 0",
            "DERIVED: a file of a lower level, else bad_derived; SHEBANG: see below, others: 0, else bad_site",
        ),
    ),
)

REQUIREMENT: Final = Record(
    "requirement",
    (
        Field("kind", "u8", "a RequirementKind", "known, else bad_requirement"),
        Field("flags", "u8", "RequirementFlag bits", "known bits, else bad_requirement"),
        Field("reserved", "z2", "for later versions", "0, else unknown_feature"),
        Field("value", "u32", "GLIBC: major << 16 | minor; CPU_LEVEL: 1 to 4; MUSL: 0", "free"),
        Field(
            "path",
            "str",
            "file below the prefix that needs it most",
            "a string, else bad_string; at most MAX_PATH, else bad_requirement",
        ),
    ),
)

HOOK: Final = Record(
    "hook",
    (
        Field("kind", "u8", "a HookKind", "known, above the kind of the record before, else bad_hook"),
        Field("reserved", "z3", "for later versions", "0, else unknown_feature"),
        Field(
            "text",
            "str",
            "a script, or what is shown to people",
            "a string, else bad_string; 1 to MAX_HOOK bytes; of a script the first two are `#!`, else bad_hook",
        ),
    ),
)

MANIFEST: Final = Record(
    "manifest",
    (
        Field("magic", "b8", "`SFXPMAN` and a newline", "equal, else bad_magic"),
        Field("version", "u16", "format version", "equals 1, else bad_version"),
        Field("platform", "u16", "target platform", "a Platform, else bad_platform"),
        Field("reserved", "z4", "for later versions", "0, else unknown_feature"),
        Field(
            "index_size",
            "u64",
            "compressed bytes of the index, which follows and ends the file",
            "equal, else truncated or trailing_bytes; 1 to MAX_INDEX_SIZE, else bad_extent",
        ),
        Field("index_raw_size", "u64", "decompressed bytes of the index", "1 to MAX_INDEX_RAW, else bad_extent"),
        Field("index_digest", "b32", "of the index frame; names the build", "equal, else bad_index_digest"),
        Field("digest", "b32", "of all bytes of this record before it", "equal, else bad_locator_digest"),
    ),
)

RECORDS: Final = (LOCATOR, PART, INDEX_HEADER, PRODUCT, BLOCK, CONTENT, ENTRY, SITE, REQUIREMENT, HOOK, MANIFEST)
