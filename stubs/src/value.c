#include "value.h"

#include <inttypes.h>
#include <stdio.h>

static uint8_t *put_le(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
    return at + size;
}

/* Slash */

struct unit {
    uint8_t slash[4];        /* the code unit of `/` */
    unsigned size;
};

static struct unit find_unit(uint8_t encoding, uint8_t separator)
{
    struct unit unit = {.size = sfx_encoding_unit(encoding)};
    bool is_big_endian = encoding == SFX_ENCODING_UTF16BE || encoding == SFX_ENCODING_UTF32BE;
    unit.slash[is_big_endian ? unit.size - 1 : 0] = separator;
    return unit;
}

static uint8_t *put_slashes(uint8_t *at, const struct unit *unit, size_t size)
{
    for (size_t i = 0; i < size; i += unit->size)
        memcpy(at + i, unit->slash, unit->size);
    return at + size;
}

/* Where separator COUNT stands, or the end. */
static size_t find_separator(const struct unit *unit, struct sfx_bytes prefix, unsigned count)
{
    unsigned slashes = 0;
    for (size_t i = 0; i < prefix.size; i += unit->size) {
        if (memcmp(prefix.data + i, unit->slash, unit->size) == 0 && ++slashes == count)
            return i;
    }
    return prefix.size;
}

/* Where the padding stands. Exactly two leading slashes are special (POSIX.1-2017, 4.13), so a single one comes after the first
 * component; on Windows all of it after the drive or the share, as only there any number is one. */
static size_t padding_place(const struct unit *unit, struct sfx_bytes prefix, size_t missing, bool is_windows)
{
    if (!is_windows)
        return missing == unit->size ? find_separator(unit, prefix, 2) : 0;
    bool has_root = prefix.size >= unit->size && memcmp(prefix.data, unit->slash, unit->size) == 0;
    return find_separator(unit, prefix, has_root ? 4 : 1);
}

bool sfx_slash(const struct sfx_site *site, struct sfx_bytes prefix, bool is_windows, uint8_t *out)
{
    const struct unit unit = find_unit(site->encoding, is_windows && (site->flags & SFX_SITE_FLAG_FORWARD) == 0 ? '\\' : '/');
    if (prefix.size > site->span) {
        if ((site->flags & SFX_SITE_FLAG_SOFT) == 0)
            return false;
        put_slashes(out, &unit, site->span);
        return true;
    }
    size_t missing = site->span - prefix.size;
    size_t before = padding_place(&unit, prefix, missing, is_windows);
    memcpy(out, prefix.data, before);
    out = put_slashes(out + before, &unit, missing);
    memcpy(out, prefix.data + before, prefix.size - before);
    return true;
}

/* pyc: CPython Python/marshal.c, w_complex_object */

size_t sfx_pyc_header(const struct sfx_site *site, struct sfx_bytes prefix, bool prefix_is_ascii,
                      uint8_t out[SFX_PYC_HEADER_MAX])
{
    /* Below 2**24 + 2**16 * 3 * 4000, so it fits a marshal length. */
    uint64_t size = site->span + (uint64_t)site->hit_count * prefix.size;
    bool is_interned = (site->detail & SFX_PYC_DETAIL_INTERNED) != 0;
    bool is_ascii = (site->detail & SFX_PYC_DETAIL_ASCII) != 0 && prefix_is_ascii;
    bool is_short = false;
    char type = 's';
    if ((site->detail & SFX_PYC_DETAIL_BYTES) == 0) {
        is_short = is_ascii && size < 256;
        if (is_short)
            type = is_interned ? 'Z' : 'z';
        else if (is_ascii)
            type = is_interned ? 'A' : 'a';
        else
            type = is_interned ? 't' : 'u';
    }
    out[0] = (uint8_t)type;
    if ((site->detail & SFX_PYC_DETAIL_REF) != 0)
        out[0] |= 0x80;
    return (size_t)(put_le(out + 1, size, is_short ? 1 : 4) - out);
}

/* Derived values */

static void set_text(struct sfx_derived_value *value, const char *text)
{
    value->size = strlen(text);
    memcpy(value->bytes, text, value->size + 1);
}

static void set_hex(struct sfx_derived_value *value, const uint8_t digest[32])
{
    char text[65];
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned)digest[i]);
    set_text(value, text);
}

/* RFC 4648, section 5, without padding: 43 characters of 32 bytes. */
static void set_base64(struct sfx_derived_value *value, const uint8_t digest[32])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    value->size = 0;
    for (size_t bit = 0; bit < 256; bit += 6) {
        size_t at = bit / 8;
        unsigned pair = (unsigned)digest[at] << 8 | (at + 1 < 32 ? digest[at + 1] : 0u);
        value->bytes[value->size++] = (uint8_t)alphabet[pair >> (10 - bit % 8) & 63];
    }
}

static enum sfx_error derive_hash(const struct sfx_site *site, const struct sfx_sources *sources, uint32_t key,
                                  struct sfx_derived_value *ret_value, struct sfx_fault *fault)
{
    uint64_t hash = 0;
    int rounds = site->encoding == SFX_DERIVED_SIPHASH13 ? 1 : 2;
    enum sfx_error error = sources->siphash(sources->context, site->target, rounds, key, &hash, fault);
    ret_value->size = (size_t)(put_le(ret_value->bytes, hash, 8) - ret_value->bytes);
    return error;
}

enum sfx_error sfx_derive(const struct sfx_site *site, const struct sfx_sources *sources, uint32_t key,
                          struct sfx_derived_value *ret_value, struct sfx_fault *fault)
{
    *ret_value = (struct sfx_derived_value){0};
    if (sources == NULL)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_DERIVED, "no files to derive it from");
    enum sfx_derived what = (enum sfx_derived)site->encoding;
    if (what == SFX_DERIVED_SIPHASH13 || what == SFX_DERIVED_SIPHASH24)
        return derive_hash(site, sources, key, ret_value, fault);
    struct sfx_final final = {0};
    bool want_sha256 = what == SFX_DERIVED_SHA256_HEX || what == SFX_DERIVED_SHA256_RECORD;
    enum sfx_error error = sources->final(sources->context, site->target, want_sha256, &final, fault);
    if (error != SFX_OK)
        return error;
    switch (what) {
    case SFX_DERIVED_SIZE_DECIMAL: {
        char text[32];
        (void)snprintf(text, sizeof text, "%" PRIu64, final.size);
        set_text(ret_value, text);
        break;
    }
    case SFX_DERIVED_SIZE_LE32:
    case SFX_DERIVED_MTIME_LE32:
        ret_value->size = 4;
        put_le(ret_value->bytes, what == SFX_DERIVED_SIZE_LE32 ? final.size : final.mtime, 4);
        break;
    case SFX_DERIVED_SHA256_HEX:
        set_hex(ret_value, final.sha256);
        break;
    case SFX_DERIVED_SHA256_RECORD:
        set_base64(ret_value, final.sha256);
        break;
    case SFX_DERIVED_SIPHASH13:
    case SFX_DERIVED_SIPHASH24:
        break;      /* above */
    }
    return SFX_OK;
}
