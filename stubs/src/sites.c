/* Checks of the site and hit tables. */
#include <inttypes.h>

#include "index_check.h"

#define MAX_HIT_SPAN (1u << 24)
#define MAX_SHEBANG_SPAN 4096u
#define KEY_SIZE 4u      /* bytes a content starts with that key its hashes, so these stand behind them */
#define KNOWN_PYC_DETAIL \
    (SFX_PYC_DETAIL_BYTES | SFX_PYC_DETAIL_INTERNED | SFX_PYC_DETAIL_REF | SFX_PYC_DETAIL_ASCII)

/* The entry whose sites are being checked. */
struct owner {
    uint32_t at;
    uint32_t first;          /* its first site */
    bool is_link;
    uint32_t content;
    uint64_t size;           /* of the neutral content or link text */
};

unsigned sfx_encoding_unit(uint8_t encoding)
{
    switch ((enum sfx_encoding)encoding) {
    case SFX_ENCODING_UTF16LE:
    case SFX_ENCODING_UTF16BE:
        return 2;
    case SFX_ENCODING_UTF32LE:
    case SFX_ENCODING_UTF32BE:
        return 4;
    case SFX_ENCODING_PLAIN:
    case SFX_ENCODING_JSON:
    case SFX_ENCODING_PYTHON:
    case SFX_ENCODING_PERCENT:
    case SFX_ENCODING_JSON_SLASH:
        break;
    }
    return 1;
}

/* What SPEC asks of each strategy's span, hits, encoding and detail. */
static bool is_sound_kind(const struct sfx_site *site)
{
    bool has_hits = site->hit_count > 0;
    bool is_plain = site->encoding == SFX_ENCODING_PLAIN;
    bool is_known = site->encoding <= SFX_ENCODING_JSON_SLASH;
    bool has_detail = site->detail != 0;
    unsigned unit = sfx_encoding_unit(site->encoding);
    switch ((enum sfx_strategy)site->strategy) {
    case SFX_STRATEGY_TEXT:
        return has_hits && is_known && !has_detail;
    case SFX_STRATEGY_SHEBANG:
        return has_hits && is_plain && site->span >= 2 && site->span <= MAX_SHEBANG_SPAN
            && site->detail >= SFX_SHEBANG_FORM_PYTHON && site->detail <= SFX_SHEBANG_FORM_ENV;
    case SFX_STRATEGY_CSTRING:
        return has_hits && (is_plain || unit > 1) && !has_detail && site->span >= 1 && site->span < MAX_HIT_SPAN
            && site->span % unit == 0;
    case SFX_STRATEGY_SLASH:
        return !has_hits && is_known && site->encoding != SFX_ENCODING_JSON_SLASH && !has_detail && site->span >= 1
            && site->span <= SFX_MAX_PATH * unit && site->span % unit == 0;
    case SFX_STRATEGY_PYC:
        return has_hits && is_plain && site->span < MAX_HIT_SPAN && (site->detail & ~KNOWN_PYC_DETAIL) == 0;
    case SFX_STRATEGY_DERIVED:
        return !has_hits && !has_detail && site->span == 0
            && site->encoding >= SFX_DERIVED_SIZE_DECIMAL && site->encoding <= SFX_DERIVED_SIPHASH24
            && (site->encoding < SFX_DERIVED_SIPHASH13 || site->offset >= KEY_SIZE);
    }
    return false;
}

/* The line of a SHEBANG site in the strings; FIRST is the site's first hit. */
static bool is_sound_line(const struct sfx_index *index, const struct sfx_site *site, uint32_t first)
{
    uint32_t strings_size = index->header.strings_size;
    if (site->span > strings_size || site->target > strings_size - site->span)
        return false;
    const uint8_t *line = index->strings + site->target;
    return memcmp(line, "#!", 2) == 0 && sfx_index_hit(index, first) >= 2 && memchr(line, 0, site->span) == NULL
        && memchr(line, '\n', site->span) == NULL;
}

/* Ascending, inside the span; in a C string whole code units, and two prefixes may stand side by side. */
static bool are_sound_hits(const struct sfx_index *index, const struct sfx_site *site, uint32_t first)
{
    bool is_cstring = site->strategy == SFX_STRATEGY_CSTRING;
    unsigned unit = is_cstring ? sfx_encoding_unit(site->encoding) : 1;
    int64_t least = 0;
    for (uint32_t i = 0; i < site->hit_count; i++) {
        uint32_t hit = sfx_index_hit(index, first + i);
        if ((int64_t)hit < least || hit > site->span || hit % unit != 0)
            return false;
        least = is_cstring ? hit : (int64_t)hit + 1;
    }
    return true;
}

/* Everything of one site but a DERIVED target. END is where the site before it ends. */
static bool is_sound_site(const struct sfx_index *index, const struct owner *owner, uint32_t at,
                          const struct sfx_site *site, uint64_t end)
{
    unsigned known_flags = SFX_SITE_FLAG_UNQUOTED;
    if (site->strategy == SFX_STRATEGY_SLASH)
        known_flags |= SFX_SITE_FLAG_SOFT;
    if (site->strategy == SFX_STRATEGY_TEXT || site->strategy == SFX_STRATEGY_SLASH || site->strategy == SFX_STRATEGY_PYC)
        known_flags |= SFX_SITE_FLAG_FORWARD | SFX_SITE_FLAG_VERBATIM;
    if (site->hit_count > index->header.hit_count - index->site_hit[at])      /* what is left, never negative */
        return false;
    if (!are_sound_hits(index, site, index->site_hit[at]) || !is_sound_kind(site))
        return false;
    bool has_target = site->strategy == SFX_STRATEGY_DERIVED || site->strategy == SFX_STRATEGY_SHEBANG;
    if ((site->flags & ~known_flags) != 0 || (site->target != 0 && !has_target))
        return false;
    if (site->offset < end || site->offset > owner->size || site->span > owner->size - site->offset)
        return false;
    if (owner->is_link && (site->strategy != SFX_STRATEGY_TEXT || site->encoding != SFX_ENCODING_PLAIN))
        return false;
    return site->strategy != SFX_STRATEGY_SHEBANG
        || (at == owner->first && site->offset == 0 && is_sound_line(index, site, index->site_hit[at]));
}

static bool is_sound_target(const struct sfx_index *index, const struct owner *owner, uint32_t target)
{
    if (target >= index->header.entry_count)
        return false;
    struct sfx_entry entry = sfx_index_entry(index, target);
    return entry.kind == SFX_ENTRY_KIND_FILE
        && sfx_index_content_level(index, entry.target) < sfx_index_content_level(index, owner->content);
}

/* Of a content in several blocks: no cut inside a site, and no site that needs all of it. Looks the block of
 * each site up rather than walking the blocks, because any number of entries may share a content of many blocks. */
static bool are_sound_cuts(const struct sfx_index *index, const struct owner *owner, uint32_t end)
{
    if (owner->is_link || owner->first == end || owner->size == 0)
        return true;
    uint64_t start = index->content_start[owner->content];
    if (index->block_start[sfx_index_block_of(index, start) + 1] >= start + owner->size)
        return true;
    for (uint32_t i = owner->first; i < end; i++) {
        struct sfx_site site = sfx_index_site(index, i);
        if (site.strategy == SFX_STRATEGY_SHEBANG || site.strategy == SFX_STRATEGY_DERIVED)
            return false;
        uint64_t place = start + site.offset;
        if (site.span > 0 && index->block_start[sfx_index_block_of(index, place) + 1] < place + site.span)
            return false;
    }
    return true;
}

static enum sfx_error check_entry(struct sfx_index *index, const struct owner *owner, uint32_t end_site,
                                  struct sfx_fault *fault)
{
    uint64_t end = 0;
    for (uint32_t i = owner->first; i < end_site; i++) {
        struct sfx_site site = sfx_index_site(index, i);
        if (!site.reserved_is_zero)
            return sfx_fail_format(fault, SFX_VERDICT_UNKNOWN_FEATURE, "site %" PRIu32, i);
        if (!is_sound_site(index, owner, i, &site, end))
            return sfx_fail_format(fault, SFX_VERDICT_BAD_SITE, "site %" PRIu32 " of entry %" PRIu32, i, owner->at);
        if (site.strategy == SFX_STRATEGY_DERIVED && !is_sound_target(index, owner, site.target))
            return sfx_fail_format(fault, SFX_VERDICT_BAD_DERIVED, "site %" PRIu32 " of entry %" PRIu32, i, owner->at);
        end = site.offset + site.span;
        index->site_hit[i + 1] = index->site_hit[i] + site.hit_count;
    }
    if (!are_sound_cuts(index, owner, end_site))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_SITE, "entry %" PRIu32 " is cut in a site", owner->at);
    return SFX_OK;
}

enum sfx_error sfx_check_sites(struct sfx_index *index, struct sfx_fault *fault)
{
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        if (index->entry_site[i] == index->entry_site[i + 1])
            continue;
        struct sfx_entry entry = sfx_index_entry(index, i);
        struct owner owner = {.at = i, .first = index->entry_site[i], .is_link = entry.kind == SFX_ENTRY_KIND_LINK};
        owner.content = owner.is_link ? 0 : entry.target;
        owner.size = owner.is_link ? entry.link.size : sfx_index_content(index, entry.target).size;
        enum sfx_error error = check_entry(index, &owner, index->entry_site[i + 1], fault);
        if (error != SFX_OK)
            return error;
    }
    if (index->site_hit[index->header.site_count] != index->header.hit_count)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_SITE, "%" PRIu32 " hits, not %" PRIu32,
                               index->site_hit[index->header.site_count], index->header.hit_count);
    return SFX_OK;
}
