/* What must be true of a row; see rows.h. */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "buffer.h"
#include "check.h"
#include "digest.h"
#include "move.h"

#define SHEBANG SFX_STRATEGY_SHEBANG
#define DERIVED SFX_STRATEGY_DERIVED

/* The source's final content: "pi\n" at SAMPLE_TIME. */

static enum sfx_error final_of(void *context, uint32_t target, bool want_sha256, struct sfx_final *ret_final,
                               struct sfx_fault *fault)
{
    (void)context;
    (void)fault;
    *ret_final = (struct sfx_final){.size = 3, .mtime = SAMPLE_TIME, .has_sha256 = want_sha256};
    struct sfx_sha256 hash;
    sfx_sha256_start(&hash);
    sfx_sha256_add(&hash, "pi\n", 3);
    sfx_sha256_end(&hash, ret_final->sha256);
    return target == SAMPLE_SOURCE ? SFX_OK : SFX_ERROR_IO;
}

static enum sfx_error siphash_of(void *context, uint32_t target, int rounds, uint32_t key, uint64_t *ret_hash,
                                 struct sfx_fault *fault)
{
    (void)context;
    (void)fault;
    struct sfx_siphash hash;
    sfx_siphash_start(&hash, rounds, key, 0);
    sfx_siphash_add(&hash, "pi\n", 3);
    *ret_hash = sfx_siphash_end(&hash);
    return target == SAMPLE_SOURCE ? SFX_OK : SFX_ERROR_IO;
}

static const struct sfx_sources sources = {final_of, siphash_of, NULL};

static enum sfx_error append(void *context, const uint8_t *data, size_t size, struct sfx_fault *fault)
{
    (void)fault;
    sfx_buffer_add(context, data, size);
    return SFX_OK;
}

static bool is_same(const struct sfx_buffer *found, struct sfx_bytes expected)
{
    return found->size == expected.size
        && (found->size == 0 || memcmp(found->data, expected.data, expected.size) == 0);
}

static void show(const char *name, const struct sfx_buffer *found, struct sfx_bytes expected)
{
    fprintf(stderr, "%s:\n  found    \"", name);
    for (size_t i = 0; i < found->size; i++)
        fprintf(stderr, found->data[i] >= 0x20 && found->data[i] < 0x7f ? "%c" : "\\x%02x", found->data[i]);
    fprintf(stderr, "\"\n  expected \"");
    for (size_t i = 0; i < expected.size; i++)
        fprintf(stderr, expected.data[i] >= 0x20 && expected.data[i] < 0x7f ? "%c" : "\\x%02x", expected.data[i]);
    fprintf(stderr, "\"\n");
}

/* A piece of the neutral content, from a copy of exactly its size, appended to OUT. */
static enum sfx_error render(const struct sfx_index *index, const struct sfx_prefix *prefix, struct sfx_bytes neutral,
                             uint64_t start, struct sfx_buffer *out)
{
    struct sfx_fault fault = {0};
    struct sfx_rendering *rendering = sfx_rendering_new();
    uint8_t *copy = malloc(neutral.size);
    if (neutral.size != 0)
        memcpy(copy, neutral.data, neutral.size);
    enum sfx_error error = sfx_render(index, SAMPLE_FILE, prefix, &sources, copy, start, neutral.size, rendering, &fault);
    if (error == SFX_OK) {
        size_t count = 0;
        uint64_t size = 0;
        const struct sfx_segment *segments = sfx_rendering_segments(rendering, &count, &size);
        size_t before = out->size;
        for (size_t i = 0; i < count; i++)
            sfx_buffer_add(out, segments[i].data, segments[i].size);
        check(out->size - before == size, "size of the segments", "is not their sum");
    } else {
        check(fault.error == error, "fault", "does not hold the error");
    }
    free(copy);
    sfx_rendering_free(rendering);
    return error;
}

static bool is_cut_allowed(const struct sample *sample, uint64_t cut)
{
    for (size_t i = 0; i < SAMPLE_SITES && sample->sites[i].strategy != 0; i++) {
        const struct sample_site *site = &sample->sites[i];
        if (site->strategy == SHEBANG || site->strategy == DERIVED)
            return false;
        if (site->offset < cut && cut < site->offset + site->span)
            return false;
    }
    return true;
}

/* Two pieces give the whole, and the growth before the second is where it belongs. */
static void check_cuts(const struct row *row, const struct sfx_index *index, const struct sfx_prefix *prefix)
{
    const struct sfx_bytes neutral = row->sample.neutral;
    if (!is_cut_allowed(&row->sample, neutral.size))
        return;
    int64_t growth = (int64_t)row->expected.size - (int64_t)neutral.size;
    struct sfx_growths *growths = NULL;
    struct sfx_fault fault;
    check(sfx_growth(index, SAMPLE_FILE, prefix) == growth, row->sample.name, "growth");
    if (sfx_growths_open(index, prefix, &growths, &fault) != SFX_OK)
        abort();
    check(sfx_growths_before(growths, SAMPLE_FILE, UINT64_MAX) == growth, row->sample.name, "growth at the end");
    check(sfx_growths_before(growths, SAMPLE_FILE, 0) == 0, row->sample.name, "growth at the start");
    for (size_t cut = 1; cut < neutral.size; cut++) {
        if (!is_cut_allowed(&row->sample, cut))
            continue;
        SFX_BUFFER joined = {0};
        bool is_rendered = render(index, prefix, (struct sfx_bytes){neutral.data, cut}, 0, &joined) == SFX_OK;
        check(is_rendered && (int64_t)joined.size == (int64_t)cut + sfx_growths_before(growths, SAMPLE_FILE, cut),
              row->sample.name, "growth before a cut");
        struct sfx_bytes second = {neutral.data + cut, neutral.size - cut};
        is_rendered = is_rendered && render(index, prefix, second, cut, &joined) == SFX_OK;
        check(is_rendered && is_same(&joined, row->expected), row->sample.name, "in two pieces");
    }
    sfx_growths_close(growths);
}

/* Whether INSTALLED is taken for the rendering of ROW's own content. */
static bool is_recognised(const struct row *row, const struct sfx_index *index, const struct sfx_prefix *prefix,
                          const uint8_t *installed, size_t size)
{
    struct sfx_fault fault = {0};
    SFX_BUFFER back = {0};
    bool matches = false;
    enum sfx_error error = sfx_neutralise(index, SAMPLE_FILE, prefix, &sources, installed, size, append, &back, &matches,
                                          &fault);
    check(error == SFX_OK, row->sample.name, "neutralising fails");
    return matches && is_same(&back, row->sample.neutral);
}

/* The rendering is recognised; one that is shorter, longer or has a changed byte is not, or is of other content. */
static void check_way_back(const struct row *row, const struct sfx_index *index, const struct sfx_prefix *prefix)
{
    size_t size = row->expected.size;
    check(is_recognised(row, index, prefix, row->expected.data, size), row->sample.name, "is not recognised");
    uint8_t *copy = malloc(size + 1);
    if (size != 0)
        memcpy(copy, row->expected.data, size);
    copy[size] = '\n';
    check(!is_recognised(row, index, prefix, copy, size + 1), row->sample.name, "longer");
    for (size_t i = 0; i < size; i++) {
        check(!is_recognised(row, index, prefix, copy, i), row->sample.name, "shorter");
        copy[i] ^= 1;
        check(!is_recognised(row, index, prefix, copy, size), row->sample.name, "changed");
        copy[i] ^= 1;
    }
    free(copy);
}

static bool knows(void *context, uint32_t target)
{
    (void)context;
    return target == SAMPLE_SOURCE;
}

/* INSTALLED for FROM, moved: what is rendered for TO, or nothing where it is not recognised. */
static bool moves(const struct sfx_index *index, const struct sfx_prefix *from, const struct sfx_prefix *to,
                  const uint8_t *installed, size_t size, struct sfx_buffer *out)
{
    const struct sfx_move move = {index, from, to, false, &sources, knows};
    struct sfx_fault fault = {0};
    struct sfx_rendering *rendering = sfx_rendering_new();
    bool matches = false;
    size_t count;
    uint64_t total;
    enum sfx_error error = sfx_move_file(&move, SAMPLE_FILE, (struct sfx_bytes){installed, size}, rendering, &matches, &fault);
    check(error == SFX_OK, "move", fault.message);
    const struct sfx_segment *segments = sfx_rendering_segments(rendering, &count, &total);
    for (size_t i = 0; matches && i < count; i++)
        sfx_buffer_add(out, segments[i].data, segments[i].size);
    sfx_rendering_free(rendering);
    return error == SFX_OK && matches;
}

/* From another prefix to the row's gives the row's rendering; a byte changed outside of a derived value is not recognised. */
static void check_move(const struct row *row, const struct sfx_index *index, const struct sfx_prefix *prefix)
{
    static const char *const others[] = {"/x", "/somewhere/else", "/with blank/\xc3\xa9'"};
    bool is_derived = row->sample.sites[0].strategy == DERIVED;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct sfx_prefix *from = NULL;
        struct sfx_fault fault;
        SFX_BUFFER old = {0};
        SFX_BUFFER new = {0};
        if (sfx_prefix_open(others[i], index, &from, &fault) != SFX_OK)
            abort();
        if (render(index, from, row->sample.neutral, 0, &old) == SFX_OK) {
            check(moves(index, from, prefix, old.data, old.size, &new), row->sample.name, "is not moved");
            check(is_same(&new, row->expected), row->sample.name, "is moved differently");
            for (size_t j = 0; j < old.size && !is_derived; j++) {
                old.data[j] ^= 1;
                check(!moves(index, from, prefix, old.data, old.size, &new), row->sample.name, "is moved though changed");
                old.data[j] ^= 1;
            }
        }
        sfx_prefix_close(from);
    }
}

void row_run(const struct row *row)
{
    struct sfx_index index;
    struct sfx_fault fault = {0};
    struct sfx_prefix *prefix = NULL;
    SFX_BUFFER found = {0};
    sample_open(&row->sample, &index);
    if (sfx_prefix_open(row->prefix, &index, &prefix, &fault) != SFX_OK) {
        check(false, row->sample.name, fault.message);
    } else {
        check(render(&index, prefix, row->sample.neutral, 0, &found) == SFX_OK, row->sample.name, "does not render");
        check(is_same(&found, row->expected), row->sample.name, "renders differently");
        if (!is_same(&found, row->expected))
            show(row->sample.name, &found, row->expected);
        check_cuts(row, &index, prefix);
        check_way_back(row, &index, prefix);
        check_move(row, &index, prefix);
    }
    sfx_prefix_close(prefix);
    sfx_index_close(&index);
}

void row_run_refused(const struct sample *sample, const char *text, enum sfx_error expected)
{
    struct sfx_index index;
    struct sfx_fault fault = {0};
    struct sfx_prefix *prefix = NULL;
    SFX_BUFFER found = {0};
    sample_open(sample, &index);
    if (sfx_prefix_open(text, &index, &prefix, &fault) == SFX_OK)
        check(render(&index, prefix, sample->neutral, 0, &found) == expected, sample->name, "is not refused");
    else
        check(false, sample->name, fault.message);
    sfx_prefix_close(prefix);
    sfx_index_close(&index);
}

void row_run_other_line(const struct sample *sample, const char *text)
{
    struct sfx_index index;
    struct sfx_fault fault = {0};
    struct sfx_prefix *prefix = NULL;
    SFX_BUFFER found = {0};
    sample_open(sample, &index);
    if (sfx_prefix_open("/opt", &index, &prefix, &fault) != SFX_OK)
        abort();
    struct sfx_bytes neutral = {(const uint8_t *)text, sample->neutral.size};
    check(render(&index, prefix, neutral, 0, &found) == SFX_ERROR_FORMAT, sample->name, "is not refused");
    sfx_prefix_close(prefix);
    sfx_index_close(&index);
}

const char *row_long_prefix(size_t size)
{
    static char text[SFX_MAX_PREFIX + 1];
    memset(text, 'p', size);
    text[0] = '/';
    text[size] = '\0';
    return text;
}

void row_run_around(struct sample sample, const char *prefix, struct sfx_bytes head, struct sfx_bytes tail)
{
    SFX_BUFFER expected = {0};
    sfx_buffer_add(&expected, head.data, head.size);
    sfx_buffer_add_text(&expected, prefix);
    sfx_buffer_add(&expected, tail.data, tail.size);
    const struct row row = {sample, prefix, {expected.data, expected.size}};
    row_run(&row);
}
