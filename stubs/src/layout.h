/* Rendered by scripts/gen_layout from sfxpack/format/layout.py and schema.py; do not edit. */
#ifndef SFX_LAYOUT_H
#define SFX_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SFX_VERSION 1u
#define SFX_ALIGNMENT 4096u
#define SFX_DIGEST_SIZE 32u
#define SFX_MAX_BLOCK_RAW 33554432u
#define SFX_MAX_BLOCK_SIZE 33817600u
#define SFX_MAX_INDEX_RAW 1073741824u
#define SFX_MAX_INDEX_SIZE 1082131456u
#define SFX_MAX_HEADER 65536u
#define SFX_MAX_STUB 16777216u
#define SFX_MAX_PATH 4095u
#define SFX_MAX_NAME 255u
#define SFX_MAX_LEVEL 15u
#define SFX_MAX_PREFIX 4000u
#define SFX_MAX_TREES 256u
#define SFX_MAX_HOOK 1048576u
#define SFX_MAX_PARTS 9999u
#define SFX_MAX_SHEBANG_LINUX 127u
#define SFX_MAX_SHEBANG_MACOS 511u
#define SFX_CONDA_PLACEHOLDER 255u
#define SFX_NO_LIMIT 4294967295u
#define SFX_NO_ENTRY 4294967295u
#define SFX_MAGIC "\211SFXP\015\012\032"
#define SFX_INDEX_MAGIC "SFXI"
#define SFX_MANIFEST_MAGIC "SFXPMAN\012"
#define SFX_PART_MAGIC "\211SFXP\015\012\033"
#define SFX_STATE_DIRECTORY ".sfxpack"
#define SFX_STAGING_INSIDE ".sfxpack.new"
#define SFX_RELEASE "0.1.0"


enum sfx_verdict {
    SFX_VERDICT_OK = 0,
    SFX_VERDICT_BAD_MAGIC = 1,
    SFX_VERDICT_BAD_VERSION = 2,
    SFX_VERDICT_BAD_PLATFORM = 3,
    SFX_VERDICT_UNKNOWN_FEATURE = 4,
    SFX_VERDICT_BAD_EXTENT = 5,
    SFX_VERDICT_TRUNCATED = 6,
    SFX_VERDICT_TRAILING_BYTES = 7,
    SFX_VERDICT_BAD_LOCATOR_DIGEST = 8,
    SFX_VERDICT_BAD_FRONT_DIGEST = 9,
    SFX_VERDICT_BAD_INDEX_DIGEST = 10,
    SFX_VERDICT_BAD_INDEX_FRAME = 11,
    SFX_VERDICT_BAD_TABLE = 12,
    SFX_VERDICT_BAD_STRING = 13,
    SFX_VERDICT_BAD_BLOCK = 14,
    SFX_VERDICT_BAD_CONTENT = 15,
    SFX_VERDICT_BAD_PATH = 16,
    SFX_VERDICT_BAD_ORDER = 17,
    SFX_VERDICT_BAD_ENTRY = 18,
    SFX_VERDICT_BAD_LINK = 19,
    SFX_VERDICT_BAD_SITE = 20,
    SFX_VERDICT_BAD_DERIVED = 21,
    SFX_VERDICT_BAD_REQUIREMENT = 22,
    SFX_VERDICT_BAD_BLOCK_DIGEST = 23,
    SFX_VERDICT_BAD_BLOCK_FRAME = 24,
    SFX_VERDICT_BAD_CONTENT_DIGEST = 25,
    SFX_VERDICT_BAD_HOOK = 26,
    SFX_VERDICT_BAD_PART = 27,
};

enum sfx_exit {
    SFX_EXIT_DONE = 0,
    SFX_EXIT_INTERNAL = 1,
    SFX_EXIT_USAGE = 2,
    SFX_EXIT_DAMAGED = 3,
    SFX_EXIT_WRONG_SYSTEM = 4,
    SFX_EXIT_PREFIX_IN_USE = 5,
    SFX_EXIT_PREFIX_TOO_LONG = 6,
    SFX_EXIT_NO_SPACE = 7,
    SFX_EXIT_IO = 8,
    SFX_EXIT_LOCKED = 9,
    SFX_EXIT_HOOK = 10,
    SFX_EXIT_SIGNATURE = 11,
    SFX_EXIT_EXCEPTIONS = 12,
    SFX_EXIT_INTERRUPTED = 130,
    SFX_EXIT_TERMINATED = 143,
};

enum sfx_platform {
    SFX_PLATFORM_LINUX_X86_64 = 1,
    SFX_PLATFORM_LINUX_AARCH64 = 2,
    SFX_PLATFORM_LINUX_ARMV7L = 3,
    SFX_PLATFORM_LINUX_PPC64LE = 4,
    SFX_PLATFORM_LINUX_S390X = 5,
    SFX_PLATFORM_LINUX_RISCV64 = 6,
    SFX_PLATFORM_MACOS_X86_64 = 7,
    SFX_PLATFORM_MACOS_ARM64 = 8,
    SFX_PLATFORM_WINDOWS_X86_64 = 9,
    SFX_PLATFORM_WINDOWS_ARM64 = 10,
};

enum sfx_entry_kind {
    SFX_ENTRY_KIND_DIRECTORY = 1,
    SFX_ENTRY_KIND_FILE = 2,
    SFX_ENTRY_KIND_LINK = 3,
    SFX_ENTRY_KIND_HARD_LINK = 4,
};

enum sfx_strategy {
    SFX_STRATEGY_TEXT = 1,
    SFX_STRATEGY_SHEBANG = 2,
    SFX_STRATEGY_CSTRING = 3,
    SFX_STRATEGY_SLASH = 4,
    SFX_STRATEGY_PYC = 5,
    SFX_STRATEGY_DERIVED = 6,
};

enum sfx_encoding {
    SFX_ENCODING_PLAIN = 0,
    SFX_ENCODING_JSON = 1,
    SFX_ENCODING_PYTHON = 2,
    SFX_ENCODING_PERCENT = 3,
    SFX_ENCODING_UTF16LE = 4,
    SFX_ENCODING_UTF16BE = 5,
    SFX_ENCODING_UTF32LE = 6,
    SFX_ENCODING_UTF32BE = 7,
    SFX_ENCODING_JSON_SLASH = 8,
};

enum sfx_derived {
    SFX_DERIVED_SIZE_DECIMAL = 1,
    SFX_DERIVED_SIZE_LE32 = 2,
    SFX_DERIVED_MTIME_LE32 = 3,
    SFX_DERIVED_SHA256_HEX = 4,
    SFX_DERIVED_SHA256_RECORD = 5,
    SFX_DERIVED_SIPHASH13 = 6,
    SFX_DERIVED_SIPHASH24 = 7,
};

enum sfx_entry_flag {
    SFX_ENTRY_FLAG_TREE = 1,
};

enum sfx_site_flag {
    SFX_SITE_FLAG_SOFT = 1,
    SFX_SITE_FLAG_UNQUOTED = 2,
    SFX_SITE_FLAG_FORWARD = 4,
    SFX_SITE_FLAG_VERBATIM = 8,
};

enum sfx_pyc_detail {
    SFX_PYC_DETAIL_BYTES = 1,
    SFX_PYC_DETAIL_INTERNED = 2,
    SFX_PYC_DETAIL_REF = 4,
    SFX_PYC_DETAIL_ASCII = 8,
};

enum sfx_shebang_form {
    SFX_SHEBANG_FORM_PYTHON = 1,
    SFX_SHEBANG_FORM_SHELL = 2,
    SFX_SHEBANG_FORM_PERL = 3,
    SFX_SHEBANG_FORM_NODE = 4,
    SFX_SHEBANG_FORM_ENV = 5,
};

enum sfx_requirement_kind {
    SFX_REQUIREMENT_KIND_GLIBC = 1,
    SFX_REQUIREMENT_KIND_CPU_LEVEL = 2,
    SFX_REQUIREMENT_KIND_MUSL = 3,
};

enum sfx_requirement_flag {
    SFX_REQUIREMENT_FLAG_HARD = 1,
};

enum sfx_hook_kind {
    SFX_HOOK_KIND_PRE_INSTALL = 1,
    SFX_HOOK_KIND_POST_INSTALL = 2,
    SFX_HOOK_KIND_PRE_UNINSTALL = 3,
    SFX_HOOK_KIND_LICENSE = 4,
    SFX_HOOK_KIND_MESSAGE_BEFORE = 5,
    SFX_HOOK_KIND_MESSAGE_AFTER = 6,
};

static inline const char *sfx_verdict_text(enum sfx_verdict verdict)
{
    switch (verdict) {
    case SFX_VERDICT_OK: return "sound";
    case SFX_VERDICT_BAD_MAGIC: return "no locator where one must be: damaged, or not made by sfxpack";
    case SFX_VERDICT_BAD_VERSION: return "made by a newer sfxpack whose format this one does not know";
    case SFX_VERDICT_BAD_PLATFORM: return "names a platform this sfxpack does not know";
    case SFX_VERDICT_UNKNOWN_FEATURE: return "needs a feature this sfxpack does not have";
    case SFX_VERDICT_BAD_EXTENT: return "an offset or size in the locator contradicts another";
    case SFX_VERDICT_TRUNCATED: return "the file is shorter than it was made: the copy is incomplete";
    case SFX_VERDICT_TRAILING_BYTES: return "the file is longer than it was made: something was appended";
    case SFX_VERDICT_BAD_LOCATOR_DIGEST: return "the locator is damaged";
    case SFX_VERDICT_BAD_FRONT_DIGEST: return "the header or the stub is damaged";
    case SFX_VERDICT_BAD_INDEX_DIGEST: return "the index is damaged";
    case SFX_VERDICT_BAD_INDEX_FRAME: return "the index does not decompress to its recorded size";
    case SFX_VERDICT_BAD_TABLE: return "the tables of the index do not add up to its size";
    case SFX_VERDICT_BAD_STRING: return "a string lies outside the strings or holds a NUL";
    case SFX_VERDICT_BAD_BLOCK: return "a block's sizes, level or order are out of bounds";
    case SFX_VERDICT_BAD_CONTENT: return "the contents do not add up to the blocks";
    case SFX_VERDICT_BAD_PATH: return "a path is absolute, empty, too long, leaves the prefix or is kept for the installation";
    case SFX_VERDICT_BAD_ORDER: return "paths are not in order, repeated, or lack their directory";
    case SFX_VERDICT_BAD_ENTRY: return "a field of an entry is out of bounds";
    case SFX_VERDICT_BAD_LINK: return "a link has no text, or a hard link names no earlier file";
    case SFX_VERDICT_BAD_SITE: return "a site lies outside its content, overlaps another, or is of an unknown kind";
    case SFX_VERDICT_BAD_DERIVED: return "a derived value names no file of a lower level";
    case SFX_VERDICT_BAD_REQUIREMENT: return "a requirement is of an unknown kind, or its path too long";
    case SFX_VERDICT_BAD_BLOCK_DIGEST: return "a block is damaged";
    case SFX_VERDICT_BAD_BLOCK_FRAME: return "a block does not decompress to its recorded size";
    case SFX_VERDICT_BAD_CONTENT_DIGEST: return "a file's content does not have its recorded digest";
    case SFX_VERDICT_BAD_HOOK: return "a hook or text is of an unknown kind, repeated, empty, too long or no script";
    case SFX_VERDICT_BAD_PART: return "a part is missing, damaged, of another build or in the place of another";
    }
    return "unknown verdict";
}

static inline const char *sfx_verdict_name(enum sfx_verdict verdict)
{
    switch (verdict) {
    case SFX_VERDICT_OK: return "ok";
    case SFX_VERDICT_BAD_MAGIC: return "bad_magic";
    case SFX_VERDICT_BAD_VERSION: return "bad_version";
    case SFX_VERDICT_BAD_PLATFORM: return "bad_platform";
    case SFX_VERDICT_UNKNOWN_FEATURE: return "unknown_feature";
    case SFX_VERDICT_BAD_EXTENT: return "bad_extent";
    case SFX_VERDICT_TRUNCATED: return "truncated";
    case SFX_VERDICT_TRAILING_BYTES: return "trailing_bytes";
    case SFX_VERDICT_BAD_LOCATOR_DIGEST: return "bad_locator_digest";
    case SFX_VERDICT_BAD_FRONT_DIGEST: return "bad_front_digest";
    case SFX_VERDICT_BAD_INDEX_DIGEST: return "bad_index_digest";
    case SFX_VERDICT_BAD_INDEX_FRAME: return "bad_index_frame";
    case SFX_VERDICT_BAD_TABLE: return "bad_table";
    case SFX_VERDICT_BAD_STRING: return "bad_string";
    case SFX_VERDICT_BAD_BLOCK: return "bad_block";
    case SFX_VERDICT_BAD_CONTENT: return "bad_content";
    case SFX_VERDICT_BAD_PATH: return "bad_path";
    case SFX_VERDICT_BAD_ORDER: return "bad_order";
    case SFX_VERDICT_BAD_ENTRY: return "bad_entry";
    case SFX_VERDICT_BAD_LINK: return "bad_link";
    case SFX_VERDICT_BAD_SITE: return "bad_site";
    case SFX_VERDICT_BAD_DERIVED: return "bad_derived";
    case SFX_VERDICT_BAD_REQUIREMENT: return "bad_requirement";
    case SFX_VERDICT_BAD_BLOCK_DIGEST: return "bad_block_digest";
    case SFX_VERDICT_BAD_BLOCK_FRAME: return "bad_block_frame";
    case SFX_VERDICT_BAD_CONTENT_DIGEST: return "bad_content_digest";
    case SFX_VERDICT_BAD_HOOK: return "bad_hook";
    case SFX_VERDICT_BAD_PART: return "bad_part";
    }
    return "unknown";
}

static inline const char *sfx_platform_label(uint16_t platform)
{
    switch ((enum sfx_platform)platform) {
    case SFX_PLATFORM_LINUX_X86_64: return "linux-x86_64";
    case SFX_PLATFORM_LINUX_AARCH64: return "linux-aarch64";
    case SFX_PLATFORM_LINUX_ARMV7L: return "linux-armv7l";
    case SFX_PLATFORM_LINUX_PPC64LE: return "linux-ppc64le";
    case SFX_PLATFORM_LINUX_S390X: return "linux-s390x";
    case SFX_PLATFORM_LINUX_RISCV64: return "linux-riscv64";
    case SFX_PLATFORM_MACOS_X86_64: return "macos-x86_64";
    case SFX_PLATFORM_MACOS_ARM64: return "macos-arm64";
    case SFX_PLATFORM_WINDOWS_X86_64: return "windows-x86_64";
    case SFX_PLATFORM_WINDOWS_ARM64: return "windows-arm64";
    }
    return NULL;
}

static inline bool sfx_platform_is_windows(uint16_t platform)
{
    return platform == SFX_PLATFORM_WINDOWS_X86_64 || platform == SFX_PLATFORM_WINDOWS_ARM64;
}

struct sfx_string {
    uint32_t offset;
    uint32_t size;
};

static inline uint8_t sfx_le8(const uint8_t *bytes)
{
    return bytes[0];
}

static inline uint16_t sfx_le16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t sfx_le32(const uint8_t *bytes)
{
    return (uint32_t)sfx_le16(bytes) | (uint32_t)sfx_le16(bytes + 2) << 16;
}

static inline uint64_t sfx_le64(const uint8_t *bytes)
{
    return (uint64_t)sfx_le32(bytes) | (uint64_t)sfx_le32(bytes + 4) << 32;
}

static inline bool sfx_all_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++)
        any |= bytes[i];
    return any == 0;
}

#define SFX_LOCATOR_SIZE 512u
#define SFX_LOCATOR_DIGEST_OFFSET 480u
struct sfx_locator {
    uint8_t magic[8];
    uint16_t version;
    uint16_t platform;
    uint32_t must_understand;
    uint32_t may_ignore;
    uint32_t part_count;
    uint64_t stub_offset;
    uint64_t stub_size;
    uint64_t locator_offset;
    uint64_t index_offset;
    uint64_t index_size;
    uint64_t index_raw_size;
    uint64_t total_size;
    uint8_t front_digest[32];
    uint8_t index_digest[32];
    uint64_t first_size;
    uint64_t part_size;
    uint8_t digest[32];
    bool reserved_is_zero;
};

static inline void sfx_read_locator(const uint8_t *bytes, struct sfx_locator *out)
{
    memcpy(out->magic, bytes + 0, 8);
    out->version = sfx_le16(bytes + 8);
    out->platform = sfx_le16(bytes + 10);
    out->must_understand = sfx_le32(bytes + 12);
    out->may_ignore = sfx_le32(bytes + 16);
    out->part_count = sfx_le32(bytes + 20);
    out->stub_offset = sfx_le64(bytes + 28);
    out->stub_size = sfx_le64(bytes + 36);
    out->locator_offset = sfx_le64(bytes + 44);
    out->index_offset = sfx_le64(bytes + 52);
    out->index_size = sfx_le64(bytes + 60);
    out->index_raw_size = sfx_le64(bytes + 68);
    out->total_size = sfx_le64(bytes + 76);
    memcpy(out->front_digest, bytes + 84, 32);
    memcpy(out->index_digest, bytes + 116, 32);
    out->first_size = sfx_le64(bytes + 464);
    out->part_size = sfx_le64(bytes + 472);
    memcpy(out->digest, bytes + 480, 32);
    out->reserved_is_zero = sfx_all_zero(bytes + 24, 4)
        && sfx_all_zero(bytes + 148, 32)
        && sfx_all_zero(bytes + 180, 8)
        && sfx_all_zero(bytes + 188, 64)
        && sfx_all_zero(bytes + 252, 212);
}

#define SFX_PART_SIZE 96u
#define SFX_PART_DIGEST_OFFSET 64u
struct sfx_part {
    uint8_t magic[8];
    uint16_t version;
    uint32_t number;
    uint32_t count;
    uint64_t size;
    uint8_t index_digest[32];
    uint8_t digest[32];
    bool reserved_is_zero;
};

static inline void sfx_read_part(const uint8_t *bytes, struct sfx_part *out)
{
    memcpy(out->magic, bytes + 0, 8);
    out->version = sfx_le16(bytes + 8);
    out->number = sfx_le32(bytes + 16);
    out->count = sfx_le32(bytes + 20);
    out->size = sfx_le64(bytes + 24);
    memcpy(out->index_digest, bytes + 32, 32);
    memcpy(out->digest, bytes + 64, 32);
    out->reserved_is_zero = sfx_all_zero(bytes + 10, 6);
}

#define SFX_INDEX_HEADER_SIZE 40u
struct sfx_index_header {
    uint8_t magic[4];
    uint32_t block_count;
    uint32_t content_count;
    uint32_t entry_count;
    uint32_t site_count;
    uint32_t hit_count;
    uint32_t requirement_count;
    uint32_t strings_size;
    uint32_t tree_count;
    uint32_t hook_count;
};

static inline void sfx_read_index_header(const uint8_t *bytes, struct sfx_index_header *out)
{
    memcpy(out->magic, bytes + 0, 4);
    out->block_count = sfx_le32(bytes + 4);
    out->content_count = sfx_le32(bytes + 8);
    out->entry_count = sfx_le32(bytes + 12);
    out->site_count = sfx_le32(bytes + 16);
    out->hit_count = sfx_le32(bytes + 20);
    out->requirement_count = sfx_le32(bytes + 24);
    out->strings_size = sfx_le32(bytes + 28);
    out->tree_count = sfx_le32(bytes + 32);
    out->hook_count = sfx_le32(bytes + 36);
}

#define SFX_PRODUCT_SIZE 80u
struct sfx_product {
    struct sfx_string name;
    struct sfx_string release;
    struct sfx_string default_prefix;
    struct sfx_string creator;
    struct sfx_string report;
    struct sfx_string notices;
    struct sfx_string activation;
    struct sfx_string compile;
    uint64_t tree_size;
    uint32_t prefix_limit;
    uint32_t prefix_limit_entry;
};

static inline void sfx_read_product(const uint8_t *bytes, struct sfx_product *out)
{
    out->name.offset = sfx_le32(bytes + 0);
    out->name.size = sfx_le32(bytes + 4);
    out->release.offset = sfx_le32(bytes + 8);
    out->release.size = sfx_le32(bytes + 12);
    out->default_prefix.offset = sfx_le32(bytes + 16);
    out->default_prefix.size = sfx_le32(bytes + 20);
    out->creator.offset = sfx_le32(bytes + 24);
    out->creator.size = sfx_le32(bytes + 28);
    out->report.offset = sfx_le32(bytes + 32);
    out->report.size = sfx_le32(bytes + 36);
    out->notices.offset = sfx_le32(bytes + 40);
    out->notices.size = sfx_le32(bytes + 44);
    out->activation.offset = sfx_le32(bytes + 48);
    out->activation.size = sfx_le32(bytes + 52);
    out->compile.offset = sfx_le32(bytes + 56);
    out->compile.size = sfx_le32(bytes + 60);
    out->tree_size = sfx_le64(bytes + 64);
    out->prefix_limit = sfx_le32(bytes + 72);
    out->prefix_limit_entry = sfx_le32(bytes + 76);
}

#define SFX_BLOCK_SIZE 44u
#define SFX_BLOCK_DIGEST_OFFSET 12u
struct sfx_block {
    uint32_t size;
    uint32_t raw_size;
    uint8_t level;
    uint8_t digest[32];
    bool reserved_is_zero;
};

static inline void sfx_read_block(const uint8_t *bytes, struct sfx_block *out)
{
    out->size = sfx_le32(bytes + 0);
    out->raw_size = sfx_le32(bytes + 4);
    out->level = sfx_le8(bytes + 8);
    memcpy(out->digest, bytes + 12, 32);
    out->reserved_is_zero = sfx_all_zero(bytes + 9, 1)
        && sfx_all_zero(bytes + 10, 2);
}

#define SFX_CONTENT_SIZE 40u
#define SFX_CONTENT_DIGEST_OFFSET 8u
struct sfx_content {
    uint64_t size;
    uint8_t digest[32];
};

static inline void sfx_read_content(const uint8_t *bytes, struct sfx_content *out)
{
    out->size = sfx_le64(bytes + 0);
    memcpy(out->digest, bytes + 8, 32);
}

#define SFX_ENTRY_SIZE 36u
struct sfx_entry {
    uint8_t kind;
    uint8_t flags;
    uint16_t mode;
    uint32_t target;
    uint64_t mtime;
    struct sfx_string path;
    struct sfx_string link;
    uint32_t site_count;
};

static inline void sfx_read_entry(const uint8_t *bytes, struct sfx_entry *out)
{
    out->kind = sfx_le8(bytes + 0);
    out->flags = sfx_le8(bytes + 1);
    out->mode = sfx_le16(bytes + 2);
    out->target = sfx_le32(bytes + 4);
    out->mtime = sfx_le64(bytes + 8);
    out->path.offset = sfx_le32(bytes + 16);
    out->path.size = sfx_le32(bytes + 20);
    out->link.offset = sfx_le32(bytes + 24);
    out->link.size = sfx_le32(bytes + 28);
    out->site_count = sfx_le32(bytes + 32);
}

#define SFX_SITE_SIZE 24u
struct sfx_site {
    uint64_t offset;
    uint32_t span;
    uint16_t hit_count;
    uint8_t strategy;
    uint8_t encoding;
    uint8_t flags;
    uint8_t detail;
    uint32_t target;
    bool reserved_is_zero;
};

static inline void sfx_read_site(const uint8_t *bytes, struct sfx_site *out)
{
    out->offset = sfx_le64(bytes + 0);
    out->span = sfx_le32(bytes + 8);
    out->hit_count = sfx_le16(bytes + 12);
    out->strategy = sfx_le8(bytes + 14);
    out->encoding = sfx_le8(bytes + 15);
    out->flags = sfx_le8(bytes + 16);
    out->detail = sfx_le8(bytes + 17);
    out->target = sfx_le32(bytes + 20);
    out->reserved_is_zero = sfx_all_zero(bytes + 18, 2);
}

#define SFX_REQUIREMENT_SIZE 16u
struct sfx_requirement {
    uint8_t kind;
    uint8_t flags;
    uint32_t value;
    struct sfx_string path;
    bool reserved_is_zero;
};

static inline void sfx_read_requirement(const uint8_t *bytes, struct sfx_requirement *out)
{
    out->kind = sfx_le8(bytes + 0);
    out->flags = sfx_le8(bytes + 1);
    out->value = sfx_le32(bytes + 4);
    out->path.offset = sfx_le32(bytes + 8);
    out->path.size = sfx_le32(bytes + 12);
    out->reserved_is_zero = sfx_all_zero(bytes + 2, 2);
}

#define SFX_HOOK_SIZE 12u
struct sfx_hook {
    uint8_t kind;
    struct sfx_string text;
    bool reserved_is_zero;
};

static inline void sfx_read_hook(const uint8_t *bytes, struct sfx_hook *out)
{
    out->kind = sfx_le8(bytes + 0);
    out->text.offset = sfx_le32(bytes + 4);
    out->text.size = sfx_le32(bytes + 8);
    out->reserved_is_zero = sfx_all_zero(bytes + 1, 3);
}

#define SFX_MANIFEST_SIZE 96u
#define SFX_MANIFEST_DIGEST_OFFSET 64u
struct sfx_manifest {
    uint8_t magic[8];
    uint16_t version;
    uint16_t platform;
    uint64_t index_size;
    uint64_t index_raw_size;
    uint8_t index_digest[32];
    uint8_t digest[32];
    bool reserved_is_zero;
};

static inline void sfx_read_manifest(const uint8_t *bytes, struct sfx_manifest *out)
{
    memcpy(out->magic, bytes + 0, 8);
    out->version = sfx_le16(bytes + 8);
    out->platform = sfx_le16(bytes + 10);
    out->index_size = sfx_le64(bytes + 16);
    out->index_raw_size = sfx_le64(bytes + 24);
    memcpy(out->index_digest, bytes + 32, 32);
    memcpy(out->digest, bytes + 64, 32);
    out->reserved_is_zero = sfx_all_zero(bytes + 12, 4);
}

#endif
