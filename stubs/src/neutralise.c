/* The way back: from an installed file to its neutral content, checking each site on the way. */
#include "neutralise.h"
#include "prefix.h"
#include "shebang.h"
#include "value.h"

/* One call of sfx_read_back. A function that finds a difference clears MATCHES and returns SFX_OK. */
struct reader {
    const struct sfx_index *index;
    const struct sfx_prefix *prefix;
    const struct sfx_sources *sources;
    const uint8_t *installed;
    size_t size;
    size_t at;                   /* next installed byte */
    uint64_t neutral_size;       /* given to the sink so far */
    uint8_t head[4];             /* first neutral bytes, for SipHash */
    bool matches;
    const struct sfx_reading *reading;
    struct sfx_fault *fault;
};

static enum sfx_error give(struct reader *reader, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size && reader->neutral_size + i < sizeof reader->head; i++)
        reader->head[reader->neutral_size + i] = data[i];
    reader->neutral_size += size;
    return size == 0 ? SFX_OK : reader->reading->sink(reader->reading->context, data, size, reader->fault);
}

static enum sfx_error give_zeros(struct reader *reader, size_t size)
{
    static const uint8_t zeros[4096];
    enum sfx_error error = SFX_OK;
    while (size > 0 && error == SFX_OK) {
        size_t part = size < sizeof zeros ? size : sizeof zeros;
        error = give(reader, zeros, part);
        size -= part;
    }
    return error;
}

/* SIZE installed bytes that are neutral too. */
static enum sfx_error copy(struct reader *reader, uint64_t size)
{
    if (size > reader->size - reader->at) {
        reader->matches = false;
        return SFX_OK;
    }
    enum sfx_error error = SFX_OK;
    for (uint64_t left = size; left > 0 && error == SFX_OK;) {
        size_t part = left < SFX_STEP ? (size_t)left : SFX_STEP;
        const uint8_t *data = reader->installed + reader->at;
        reader->at += part;
        left -= part;
        error = give(reader, data, part);
    }
    return error;
}

/* Installed bytes that must be exactly these, and are not neutral. */
static void expect(struct reader *reader, const uint8_t *data, size_t size)
{
    if (size > reader->size - reader->at || memcmp(reader->installed + reader->at, data, size) != 0)
        reader->matches = false;
    else
        reader->at += size;
}

/* The first SIZE neutral bytes of site AT's span, and the prefix at its hits. */
static enum sfx_error unsplice(struct reader *reader, uint32_t at, size_t size, struct sfx_bytes prefix)
{
    size_t done = 0;
    for (uint32_t i = reader->index->site_hit[at]; i < reader->index->site_hit[at + 1] && reader->matches; i++) {
        size_t hit = sfx_index_hit(reader->index, i);
        enum sfx_error error = copy(reader, hit - done);
        if (error != SFX_OK)
            return error;
        if (reader->matches)
            expect(reader, prefix.data, prefix.size);
        done = hit;
    }
    return reader->matches ? copy(reader, size - done) : SFX_OK;
}

static enum sfx_error read_cstring(struct reader *reader, uint32_t at, const struct sfx_site *site,
                                   struct sfx_bytes prefix)
{
    uint64_t cut = (uint64_t)site->hit_count * prefix.size;
    uint32_t last_hit = sfx_index_hit(reader->index, reader->index->site_hit[at + 1] - 1);
    if (cut > site->span - last_hit) {
        reader->matches = false;
        return SFX_OK;
    }
    enum sfx_error error = unsplice(reader, at, (size_t)(site->span - cut), prefix);
    return error == SFX_OK && reader->matches ? give_zeros(reader, (size_t)cut) : error;
}

static enum sfx_error read_slash(struct reader *reader, const struct sfx_site *site, struct sfx_bytes prefix)
{
    uint8_t rendered[SFX_MAX_PATH * 4];      /* the longest span of the widest encoding */
    reader->matches = sfx_slash(site, prefix, reader->prefix->is_windows, rendered);
    if (reader->matches)
        expect(reader, rendered, site->span);
    return reader->matches ? give_zeros(reader, site->span) : SFX_OK;
}

static enum sfx_error read_pyc(struct reader *reader, uint32_t at, const struct sfx_site *site,
                               struct sfx_bytes prefix)
{
    uint8_t header[SFX_PYC_HEADER_MAX];
    expect(reader, header, sfx_pyc_header(site, prefix, reader->prefix->is_ascii, header));
    return reader->matches ? unsplice(reader, at, site->span, prefix) : SFX_OK;
}

static enum sfx_error read_shebang(struct reader *reader, uint32_t at, const struct sfx_site *site)
{
    const struct sfx_shebang shebang = {reader->index, reader->prefix, *site, reader->index->site_hit[at]};
    SFX_BUFFER text = {0};
    sfx_shebang_render(&shebang, &text);
    if (text.has_failed)
        return sfx_fail(reader->fault, SFX_ERROR_MEMORY, "no memory for the first line of a script");
    expect(reader, text.data, text.size);
    struct sfx_bytes line = sfx_shebang_line(&shebang);
    return reader->matches ? give(reader, line.data, line.size) : SFX_OK;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_hex(uint8_t byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'f');
}

static bool is_base64(uint8_t byte)      /* RFC 4648, section 5 */
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_';
}

/* Any value that can stand at a DERIVED site. */
static void read_any(struct reader *reader, enum sfx_derived what)
{
    const uint8_t *bytes = reader->installed + reader->at;
    size_t left = reader->size - reader->at;
    size_t size = what == SFX_DERIVED_SHA256_HEX ? 64 : what == SFX_DERIVED_SHA256_RECORD ? 43 : 4;
    bool (*is_right)(uint8_t) = what == SFX_DERIVED_SHA256_HEX ? is_hex : what == SFX_DERIVED_SHA256_RECORD ? is_base64 : NULL;
    if (what == SFX_DERIVED_SIPHASH13 || what == SFX_DERIVED_SIPHASH24)
        size = 8;
    if (what == SFX_DERIVED_SIZE_DECIMAL)
        for (size = 0; size < left && size < 20 && is_digit(bytes[size]);)
            size++;
    reader->matches = size > 0 && size <= left;
    for (size_t i = 0; reader->matches && is_right && i < size; i++)
        reader->matches = is_right(bytes[i]);
    if (reader->matches)
        reader->at += size;
}

static enum sfx_error read_derived(struct reader *reader, const struct sfx_site *site)
{
    struct sfx_derived_value value;
    if (reader->reading->takes_any_value) {
        read_any(reader, (enum sfx_derived)site->encoding);
        return SFX_OK;
    }
    enum sfx_error error = sfx_derive(site, reader->sources, sfx_le32(reader->head), &value, reader->fault);
    if (error == SFX_OK)
        expect(reader, value.bytes, value.size);
    return error;
}

static enum sfx_error read_site(struct reader *reader, uint32_t at, const struct sfx_site *site)
{
    if (site->strategy == SFX_STRATEGY_DERIVED)
        return read_derived(reader, site);
    struct sfx_bytes prefix;
    enum sfx_error error = sfx_prefix_at(reader->prefix, site, &prefix, reader->fault);
    if (error != SFX_OK)
        return error;
    switch ((enum sfx_strategy)site->strategy) {
    case SFX_STRATEGY_TEXT:
        return unsplice(reader, at, site->span, prefix);
    case SFX_STRATEGY_SHEBANG:
        return read_shebang(reader, at, site);
    case SFX_STRATEGY_CSTRING:
        return read_cstring(reader, at, site, prefix);
    case SFX_STRATEGY_SLASH:
        return read_slash(reader, site, prefix);
    case SFX_STRATEGY_PYC:
        return read_pyc(reader, at, site, prefix);
    case SFX_STRATEGY_DERIVED:
        break;      /* above */
    }
    return SFX_OK;
}

/* A site, announced before and after. */
static enum sfx_error visit_site(struct reader *reader, uint32_t at, const struct sfx_site *site)
{
    const struct sfx_reading *reading = reader->reading;
    size_t start = reader->at;
    enum sfx_error error = SFX_OK;
    if (reading->begin)
        error = reading->begin(reading->context, site, reader->fault);
    if (error == SFX_OK)
        error = read_site(reader, at, site);
    if (error != SFX_OK || !reader->matches || !reading->end)
        return error;
    return reading->end(reading->context, at, site, (struct sfx_bytes){reader->installed + start, reader->at - start},
                        reader->fault);
}

static enum sfx_error read_file(struct reader *reader, uint32_t entry)
{
    uint64_t content_size = sfx_index_content(reader->index, sfx_index_entry(reader->index, entry).target).size;
    for (uint32_t i = reader->index->entry_site[entry]; i < reader->index->entry_site[entry + 1]; i++) {
        struct sfx_site site = sfx_index_site(reader->index, i);
        enum sfx_error error = copy(reader, site.offset - reader->neutral_size);
        if (error == SFX_OK && reader->matches)
            error = visit_site(reader, i, &site);
        if (error != SFX_OK || !reader->matches)
            return error;
    }
    reader->matches = reader->size - reader->at == content_size - reader->neutral_size;
    return reader->matches ? copy(reader, content_size - reader->neutral_size) : SFX_OK;
}

enum sfx_error sfx_read_back(const struct sfx_index *index, uint32_t entry, const struct sfx_prefix *prefix,
                             const struct sfx_sources *sources, struct sfx_bytes installed,
                             const struct sfx_reading *reading, bool *ret_matches, struct sfx_fault *fault)
{
    static const uint8_t nothing[1];
    struct reader reader = {
        .index = index,
        .prefix = sfx_prefix_of(prefix, entry),
        .sources = sources,
        .installed = installed.data != NULL ? installed.data : nothing,
        .size = installed.size,
        .matches = true,
        .reading = reading,
        .fault = fault,
    };
    enum sfx_error error = read_file(&reader, entry);
    *ret_matches = error == SFX_OK && reader.matches;
    return error;
}

enum sfx_error sfx_neutralise(const struct sfx_index *index, uint32_t entry, const struct sfx_prefix *prefix,
                              const struct sfx_sources *sources, const uint8_t *installed, size_t size,
                              sfx_sink sink, void *context, bool *ret_matches, struct sfx_fault *fault)
{
    const struct sfx_reading reading = {.sink = sink, .context = context};
    return sfx_read_back(index, entry, prefix, sources, (struct sfx_bytes){installed, size}, &reading,
                         ret_matches, fault);
}
