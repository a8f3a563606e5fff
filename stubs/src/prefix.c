#include "prefix.h"

#include "buffer.h"

#include <stdlib.h>

/* Bytes all spellings together take at most for a byte of the prefix: PLAIN 1, JSON, PYTHON and JSON_SLASH 2 each,
 * PERCENT 3, each UTF-16 2, each UTF-32 4, marshal 3. */
#define SPELLINGS_GROWTH 25
#define VERBATIM_GROWTH 8u               /* bytes that VERBATIM adds at most */

/* Code point at BYTES, at most SIZE of them; gives its bytes, 0 if there is no valid one (RFC 3629). */
static size_t decode_utf8(const uint8_t *bytes, size_t size, uint32_t *ret_code)
{
    uint8_t first = bytes[0];
    if (first < 0x80) {
        *ret_code = first;
        return 1;
    }
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > size)
        return 0;
    uint32_t code = first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    static const uint32_t minimum[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < minimum[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return length;
}

/* Writes at AT and gives the place after it. */
static uint8_t *put_unit(uint8_t *at, uint32_t unit, unsigned size, bool is_big_endian)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(unit >> 8 * (is_big_endian ? size - 1 - i : i));
    return at + size;
}

static uint8_t *put_wide(uint8_t *at, uint32_t code, unsigned size, bool is_big_endian)
{
    if (size == 2 && code >= 0x10000) {
        at = put_unit(at, 0xd800 + ((code - 0x10000) >> 10), 2, is_big_endian);
        return put_unit(at, 0xdc00 + ((code - 0x10000) & 0x3ff), 2, is_big_endian);
    }
    return put_unit(at, code, size, is_big_endian);
}

static bool is_unreserved(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9')
        || (byte != '\0' && strchr("-._~/", byte) != NULL);
}

/* `C:` at the start of TEXT; URLs hold it as it is. */
static bool has_drive(struct sfx_bytes text)
{
    return text.size >= 2 && text.data[1] == ':' && text.data[0] != '/';
}

/* The byte-wise spellings. */
static uint8_t *put_byte(uint8_t *at, uint8_t byte, enum sfx_encoding encoding)
{
    static const char hex[] = "0123456789ABCDEF";
    if (encoding == SFX_ENCODING_PERCENT && !is_unreserved(byte)) {
        *at++ = '%';
        *at++ = (uint8_t)hex[byte >> 4];
        *at++ = (uint8_t)hex[byte & 15];
        return at;
    }
    bool is_escaped = false;
    if (encoding == SFX_ENCODING_JSON || encoding == SFX_ENCODING_JSON_SLASH)
        is_escaped = byte == '"' || byte == '\\' || (byte == '/' && encoding == SFX_ENCODING_JSON_SLASH);
    else if (encoding == SFX_ENCODING_PYTHON)
        is_escaped = byte == '"' || byte == '\'' || byte == '\\';
    if (is_escaped)
        *at++ = '\\';
    *at++ = byte;
    return at;
}

/* NULL where TEXT is not UTF-8. */
static uint8_t *spell_wide(uint8_t *at, struct sfx_bytes text, enum sfx_encoding encoding)
{
    bool is_big_endian = encoding == SFX_ENCODING_UTF16BE || encoding == SFX_ENCODING_UTF32BE;
    unsigned unit = sfx_encoding_unit((uint8_t)encoding);
    for (size_t i = 0; i < text.size;) {
        uint32_t code = 0;
        size_t length = decode_utf8(text.data + i, text.size - i, &code);
        if (length == 0)
            return NULL;
        at = put_wide(at, code, unit, is_big_endian);
        i += length;
    }
    return at;
}

/* CPython decodes file names with surrogateescape (PEP 383) and marshals with surrogatepass: a byte that is not UTF-8
 * becomes U+DC00 + byte, in three bytes. */
static uint8_t *spell_marshal(uint8_t *at, struct sfx_bytes text)
{
    for (size_t i = 0; i < text.size;) {
        uint32_t code = 0;
        size_t length = decode_utf8(text.data + i, text.size - i, &code);
        if (length == 0) {
            *at++ = 0xed;
            *at++ = (uint8_t)(0xb0 | (text.data[i] >> 6));
            *at++ = (uint8_t)(0x80 | (text.data[i] & 0x3f));
            i++;
            continue;
        }
        memcpy(at, text.data + i, length);
        at += length;
        i += length;
    }
    return at;
}

/* TEXT in every encoding, from AT on; gives the place after it. */
static uint8_t *spell(struct sfx_spellings *spellings, struct sfx_bytes text, uint8_t *at)
{
    for (unsigned i = 0; i < SFX_ENCODING_COUNT; i++) {
        enum sfx_encoding encoding = (enum sfx_encoding)i;
        uint8_t *end = at;
        if (sfx_encoding_unit((uint8_t)i) > 1) {
            end = spell_wide(at, text, encoding);
        } else {
            for (size_t j = 0; j < text.size; j++)
                end = put_byte(end, text.data[j], j == 1 && has_drive(text) ? SFX_ENCODING_PLAIN : encoding);
        }
        if (end == NULL)
            continue;
        spellings->encoded[i] = (struct sfx_bytes){at, (size_t)(end - at)};
        at = end;
    }
    uint8_t *end = spell_marshal(at, text);
    spellings->marshal = (struct sfx_bytes){at, (size_t)(end - at)};
    return end;
}

/* PREFIX in FORM (bit 0: FORWARD, bit 1: VERBATIM), into OUT. */
static size_t put_form(struct sfx_bytes prefix, unsigned form, uint8_t *out)
{
    bool is_unc = prefix.size >= 2 && prefix.data[0] == '\\' && prefix.data[1] == '\\';
    const char *start = (form & 2u) == 0 ? "" : is_unc ? "\\\\?\\UNC" : "\\\\?\\";
    size_t skipped = (form & 2u) != 0 && is_unc;
    size_t size = strlen(start);
    memcpy(out, start, size);
    memcpy(out + size, prefix.data + skipped, prefix.size - skipped);
    size += prefix.size - skipped;
    for (size_t i = 0; (form & 1u) != 0 && i < size; i++)
        if (out[i] == '\\')
            out[i] = '/';
    return size;
}

static unsigned form_of(uint8_t flags)
{
    return ((flags & SFX_SITE_FLAG_FORWARD) != 0 ? 1u : 0) | ((flags & SFX_SITE_FLAG_VERBATIM) != 0 ? 2u : 0);
}

static bool is_macos(uint16_t platform)
{
    return platform == SFX_PLATFORM_MACOS_X86_64 || platform == SFX_PLATFORM_MACOS_ARM64;
}

/* `C:\env` or `\\server\share\env` */
static bool is_below_root(struct sfx_bytes text)
{
    if (has_drive(text))
        return text.size > 3 && text.data[2] == '\\';
    unsigned separators = 0;
    for (size_t i = 0; i < text.size; i++)
        separators += text.data[i] == '\\';
    return text.size > 2 && text.data[0] == '\\' && text.data[1] == '\\' && text.data[2] != '\\' && separators >= 4;
}

static enum sfx_error check_prefix(struct sfx_bytes text, uint16_t platform, struct sfx_fault *fault)
{
    if (text.size > SFX_MAX_PREFIX)
        return sfx_fail(fault, SFX_ERROR_LONG, "the prefix has %zu bytes; at most %u are possible", text.size,
                        SFX_MAX_PREFIX);
    bool is_windows = sfx_platform_is_windows(platform);
    uint8_t separator = is_windows ? '\\' : '/';
    bool is_absolute = text.size > 0 && (is_windows ? is_below_root(text) : text.data[0] == '/');
    if (!is_absolute || text.data[text.size - 1] == separator)
        return sfx_fail(fault, SFX_ERROR_USAGE, "the prefix must be an absolute path below the root%s",
                        is_windows ? ", for example C:\\Tools\\env" : "");
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return sfx_fail(fault, SFX_ERROR_PREFIX, "the prefix holds a newline or another control character");
    }
    return SFX_OK;
}

/* As Windows spells it, on whatever system; the caller's buffer. */
static struct sfx_bytes spell_native(struct sfx_bytes text, uint16_t platform, uint8_t buffer[SFX_MAX_PREFIX])
{
    if (!sfx_platform_is_windows(platform) || text.size > SFX_MAX_PREFIX)
        return text;
    for (size_t i = 0; i < text.size; i++)
        buffer[i] = text.data[i] == '/' ? '\\' : text.data[i];
    return (struct sfx_bytes){buffer, text.size};
}

static enum sfx_error open_one(struct sfx_bytes given, uint16_t platform, struct sfx_prefix **ret_prefix,
                               struct sfx_fault *fault)
{
    uint8_t buffer[SFX_MAX_PREFIX];
    struct sfx_bytes text = spell_native(given, platform, buffer);
    enum sfx_error error = check_prefix(text, platform, fault);
    if (error != SFX_OK)
        return error;
    size_t room = text.size + VERBATIM_GROWTH;
    struct sfx_prefix *opened = calloc(1, sizeof *opened + SFX_FORM_COUNT * room * (SPELLINGS_GROWTH + 1));
    if (opened == NULL)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "no memory for the prefix");
    uint8_t *at = opened->bytes;
    for (unsigned form = 0; form < SFX_FORM_COUNT; form++) {
        struct sfx_bytes formed = {at, put_form(text, form, at)};
        at = spell(&opened->forms[form], formed, at + formed.size);
    }
    opened->is_windows = sfx_platform_is_windows(platform);
    opened->shebang_limit = is_macos(platform) ? SFX_MAX_SHEBANG_MACOS : SFX_MAX_SHEBANG_LINUX;
    opened->is_ascii = true;
    opened->is_bare = true;
    for (size_t i = 0; i < text.size; i++) {
        opened->is_ascii = opened->is_ascii && text.data[i] < 0x80;
        opened->is_bare = opened->is_bare && text.data[i] <= 0x7e && strchr(" \t'\"\\$`", text.data[i]) == NULL;
    }
    *ret_prefix = opened;
    return SFX_OK;
}

static enum sfx_error open_tree(struct sfx_bytes prefix, const struct sfx_index *index, uint32_t at,
                                struct sfx_prefix **ret_prefix, struct sfx_fault *fault)
{
    struct sfx_bytes name = sfx_index_string(index, sfx_index_entry(index, index->trees[at].first).path);
    SFX_BUFFER text = {0};
    sfx_buffer_add(&text, prefix.data, prefix.size);
    sfx_buffer_add(&text, sfx_platform_is_windows(index->platform) ? "\\" : "/", 1);
    sfx_buffer_add(&text, name.data, name.size);
    if (text.has_failed)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "no memory for the prefix");
    enum sfx_error error = open_one((struct sfx_bytes){text.data, text.size}, index->platform, ret_prefix, fault);
    if (error == SFX_OK)
        (*ret_prefix)->tree = index->trees[at];
    return error;
}

enum sfx_error sfx_prefix_open(const char *prefix, const struct sfx_index *index, struct sfx_prefix **ret_prefix,
                               struct sfx_fault *fault)
{
    *ret_prefix = NULL;
    struct sfx_bytes text = {(const uint8_t *)prefix, strlen(prefix)};
    enum sfx_error error = open_one(text, index->platform, ret_prefix, fault);
    struct sfx_prefix *last = *ret_prefix;
    for (uint32_t i = 0; error == SFX_OK && i < index->header.tree_count; i++) {
        error = open_tree(text, index, i, &last->next, fault);
        last = last->next;
    }
    if (error != SFX_OK) {
        sfx_prefix_close(*ret_prefix);
        *ret_prefix = NULL;
    }
    return error;
}

void sfx_prefix_close(struct sfx_prefix *prefix)
{
    while (prefix != NULL) {
        struct sfx_prefix *next = prefix->next;
        free(prefix);
        prefix = next;
    }
}

const struct sfx_prefix *sfx_prefix_of(const struct sfx_prefix *prefix, uint32_t entry)
{
    for (const struct sfx_prefix *tree = prefix->next; tree != NULL; tree = tree->next) {
        if (entry >= tree->tree.first && entry < tree->tree.end)
            return tree;
    }
    return prefix;
}

struct sfx_bytes sfx_prefix_spelling(const struct sfx_prefix *prefix, enum sfx_encoding encoding)
{
    return prefix->forms[0].encoded[encoding];
}

enum sfx_error sfx_prefix_at(const struct sfx_prefix *prefix, const struct sfx_site *site,
                             struct sfx_bytes *ret_spelling, struct sfx_fault *fault)
{
    bool is_str = site->strategy == SFX_STRATEGY_PYC && (site->detail & SFX_PYC_DETAIL_BYTES) == 0;
    const struct sfx_spellings *form = &prefix->forms[form_of(site->flags)];
    *ret_spelling = is_str ? form->marshal : form->encoded[site->encoding];
    if (ret_spelling->data == NULL)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "the prefix is not UTF-8, and a file holds it in UTF-16 or UTF-32");
    return SFX_OK;
}
