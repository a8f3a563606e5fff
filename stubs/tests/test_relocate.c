/* Tables of (neutral content, sites, prefix, rendering): every strategy, encoding and form, with the edges of their lengths.
 * Each row is also rendered in pieces where SPEC allows cuts, and neutralised again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "buffer.h"
#include "digest.h"
#include "move.h"
#include "relocate.h"
#include "sample.h"

#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}
#define LINUX SFX_PLATFORM_LINUX_X86_64
#define MACOS SFX_PLATFORM_MACOS_ARM64
#define TEXT SFX_STRATEGY_TEXT
#define SHEBANG SFX_STRATEGY_SHEBANG
#define CSTRING SFX_STRATEGY_CSTRING
#define SLASH SFX_STRATEGY_SLASH
#define PYC SFX_STRATEGY_PYC
#define DERIVED SFX_STRATEGY_DERIVED

static unsigned failures;
static unsigned checks;

static void check(bool is_right, const char *name, const char *what)
{
    checks++;
    if (!is_right) {
        failures++;
        fprintf(stderr, "%s: %s\n", name, what);
    }
}

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

/* One row */

struct row {
    struct sample sample;
    const char *prefix;
    struct sfx_bytes expected;
};

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
        if (sfx_prefix_open(others[i], index->platform, &from, &fault) != SFX_OK)
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

static void run(const struct row *row)
{
    struct sfx_index index;
    struct sfx_fault fault = {0};
    struct sfx_prefix *prefix = NULL;
    SFX_BUFFER found = {0};
    sample_open(&row->sample, &index);
    if (sfx_prefix_open(row->prefix, index.platform, &prefix, &fault) != SFX_OK) {
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

/* Rendering must end in this error. */
static void run_refused(const struct sample *sample, const char *text, enum sfx_error expected)
{
    struct sfx_index index;
    struct sfx_fault fault = {0};
    struct sfx_prefix *prefix = NULL;
    SFX_BUFFER found = {0};
    sample_open(sample, &index);
    if (sfx_prefix_open(text, index.platform, &prefix, &fault) == SFX_OK)
        check(render(&index, prefix, sample->neutral, 0, &found) == expected, sample->name, "is not refused");
    else
        check(false, sample->name, fault.message);
    sfx_prefix_close(prefix);
    sfx_index_close(&index);
}

/* The index has the line of SAMPLE, the content is TEXT. */
static void run_other_line(const struct sample *sample, const char *text)
{
    struct sfx_index index;
    struct sfx_fault fault = {0};
    struct sfx_prefix *prefix = NULL;
    SFX_BUFFER found = {0};
    sample_open(sample, &index);
    if (sfx_prefix_open("/opt", index.platform, &prefix, &fault) != SFX_OK)
        abort();
    struct sfx_bytes neutral = {(const uint8_t *)text, sample->neutral.size};
    check(render(&index, prefix, neutral, 0, &found) == SFX_ERROR_FORMAT, sample->name, "is not refused");
    sfx_prefix_close(prefix);
    sfx_index_close(&index);
}

#define ONE_HIT(at) .hit_count = 1, .hits = {at}

static void test_splices(void)
{
    const struct row rows[] = {
        {{"text, one splice", BYTES("a=/lib\n"), {{TEXT, .offset = 2, ONE_HIT(0)}}, 0}, "/opt/env", BYTES("a=/opt/env/lib\n")},
        {{"text, at both ends", BYTES("x"), {{TEXT, .offset = 0, ONE_HIT(0)}, {TEXT, .offset = 1, ONE_HIT(0)}}, 0},
         "/p", BYTES("/px/p")},
        {{"text, two splices at one place", BYTES("ab"), {{TEXT, .offset = 1, ONE_HIT(0)}, {TEXT, .offset = 1, ONE_HIT(0)}}, 0},
         "/p", BYTES("a/p/pb")},
        {{"text, an empty file", BYTES(""), {{TEXT, .offset = 0, ONE_HIT(0)}}, 0}, "/p", BYTES("/p")},
        {{"text, hits in a span", BYTES("<abc>"), {{TEXT, .offset = 1, .span = 3, .hit_count = 3, .hits = {0, 1, 3}}}, 0},
         "/p", BYTES("</pa/pbc/p>")},
        {{"text, touching sites", BYTES("abcd"), {{TEXT, .offset = 0, .span = 2, ONE_HIT(2)}, {TEXT, .offset = 2, .span = 2, ONE_HIT(0)}}, 0},
         "/p", BYTES("ab/p/pcd")},
        {{"C string", BYTES("\x7f/lib\0\0\0\0x"), {{CSTRING, .offset = 1, .span = 8, ONE_HIT(0)}}, 0},
         "/op", BYTES("\x7f/op/lib\0x")},
        {{"C string, to the last NUL", BYTES("/lib\0\0\0\0x"), {{CSTRING, .offset = 0, .span = 8, ONE_HIT(0)}}, 0},
         "/opt", BYTES("/opt/libx")},
        {{"C string, two hits", BYTES("/a:/b\0\0\0\0\0\0"), {{CSTRING, .offset = 0, .span = 11, .hit_count = 2, .hits = {0, 3}}}, 0},
         "/x", BYTES("/x/a:/x/b\0\0")},
        {{"C string that is the prefix", BYTES("\0\0\0\0"), {{CSTRING, .offset = 0, .span = 4, ONE_HIT(0)}}, 0},
         "/opt", BYTES("/opt")},
        {{"C string, two prefixes side by side", BYTES("/l\0\0\0\0\0\0"), {{CSTRING, .offset = 0, .span = 8, .hit_count = 2, .hits = {0, 0}}}, 0},
         "/op", BYTES("/op/op/l")},
        {{"C string, UTF-16", BYTES("=\0/\0x\0\0\0\0\0\0\0\0\0|"), {{CSTRING, .offset = 0, .span = 14, .encoding = SFX_ENCODING_UTF16LE, ONE_HIT(2)}}, 0},
         "/\xc3\xa9", BYTES("=\0/\0\xe9\0/\0x\0\0\0\0\0|")},
        {{"C string, UTF-32", BYTES("\0\0\0x\0\0\0\0\0\0\0\0"), {{CSTRING, .offset = 0, .span = 12, .encoding = SFX_ENCODING_UTF32BE, ONE_HIT(0)}}, 0},
         "/p", BYTES("\0\0\0/\0\0\0p\0\0\0x")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run(&rows[i]);
    const struct sample full = {"C string, too long", BYTES("/lib\0\0\0\0"), {{CSTRING, .offset = 0, .span = 8, ONE_HIT(0)}}, 0};
    run_refused(&full, "/optx", SFX_ERROR_FORMAT);
    run_refused(&full, "/a/much/longer/prefix/than/that", SFX_ERROR_FORMAT);
    const struct sample tail = {"C string, no NUL", BYTES("/lib\0\0\0x"), {{CSTRING, .offset = 0, .span = 8, ONE_HIT(0)}}, 0};
    run_refused(&tail, "/o", SFX_ERROR_FORMAT);
    const struct sample late = {"C string, hit among the NULs", BYTES("/lib\0\0\0\0"), {{CSTRING, .offset = 0, .span = 8, ONE_HIT(7)}}, 0};
    run_refused(&late, "/o", SFX_ERROR_FORMAT);
    const struct sample wide = {"C string, UTF-16, too long", BYTES("x\0\0\0\0\0"), {{CSTRING, .offset = 0, .span = 6, .encoding = SFX_ENCODING_UTF16LE, ONE_HIT(0)}}, 0};
    run_refused(&wide, "/op", SFX_ERROR_FORMAT);
}

static void test_encodings(void)
{
    const struct row rows[] = {
        {{"json", BYTES("\"\""), {{TEXT, .offset = 1, .encoding = SFX_ENCODING_JSON, ONE_HIT(0)}}, 0},
         "/o\"p\\t/'", BYTES("\"/o\\\"p\\\\t/'\"")},
        {{"json with slashes", BYTES("\"\""), {{TEXT, .offset = 1, .encoding = SFX_ENCODING_JSON_SLASH, ONE_HIT(0)}}, 0},
         "/o\"/p", BYTES("\"\\/o\\\"\\/p\"")},
        {{"python", BYTES("''"), {{TEXT, .offset = 1, .encoding = SFX_ENCODING_PYTHON, ONE_HIT(0)}}, 0},
         "/a'b\"c\\d", BYTES("'/a\\'b\\\"c\\\\d'")},
        {{"percent", BYTES("file://"), {{TEXT, .offset = 7, .encoding = SFX_ENCODING_PERCENT, ONE_HIT(0)}}, 0},
         "/a b/\xc3\xa9%-._~+Z9", BYTES("file:///a%20b/%C3%A9%25-._~%2BZ9")},
        {{"utf-16le", BYTES("x\0"), {{TEXT, .offset = 2, .encoding = SFX_ENCODING_UTF16LE, ONE_HIT(0)}}, 0},
         "/\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d", BYTES("x\0/\0\xe9\0\xac\x20\x3d\xd8\x0d\xdc")},
        {{"utf-16be", BYTES("\0x"), {{TEXT, .offset = 2, .encoding = SFX_ENCODING_UTF16BE, ONE_HIT(0)}}, 0},
         "/\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d", BYTES("\0x\0/\0\xe9\x20\xac\xd8\x3d\xdc\x0d")},
        {{"utf-32le", BYTES(""), {{TEXT, .offset = 0, .encoding = SFX_ENCODING_UTF32LE, ONE_HIT(0)}}, 0},
         "/\xf0\x9f\x90\x8d", BYTES("/\0\0\0\x0d\xf4\x01\0")},
        {{"utf-32be", BYTES(""), {{TEXT, .offset = 0, .encoding = SFX_ENCODING_UTF32BE, ONE_HIT(0)}}, 0},
         "/\xf0\x9f\x90\x8d", BYTES("\0\0\0/\0\x01\xf4\x0d")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run(&rows[i]);
    static const char *const not_utf8[] = {
        "/\xff", "/\xc3", "/\xc0\xaf", "/\xe0\x80\xaf", "/\xed\xa0\x80", "/\xf4\x90\x80\x80", "/\xf5\x80\x80\x80", "/\x80", "/\xbf\x80", "/\xe2\x82",
    };
    for (size_t i = 0; i < sizeof not_utf8 / sizeof not_utf8[0]; i++) {
        for (uint8_t encoding = SFX_ENCODING_UTF16LE; encoding <= SFX_ENCODING_UTF32BE; encoding++) {
            const struct sample wide = {not_utf8[i], BYTES(""), {{TEXT, .offset = 0, .encoding = encoding, ONE_HIT(0)}}, 0};
            run_refused(&wide, not_utf8[i], SFX_ERROR_PREFIX);
        }
        struct sfx_bytes same = {(const uint8_t *)not_utf8[i], strlen(not_utf8[i])};
        const struct row plain = {{not_utf8[i], BYTES(""), {{TEXT, .offset = 0, ONE_HIT(0)}}, 0}, not_utf8[i], same};
        run(&plain);
    }
}

static const uint8_t zeros[32];
/* A content of SIZE zeros with one SLASH site. */
#define SLASH_SAMPLE(name, size, ...) {name, {zeros, size}, {{SLASH, __VA_ARGS__}}, 0}

static void test_slash(void)
{
    const struct row rows[] = {
        {SLASH_SAMPLE("slash, exactly", 8, .span = 8), "/opt/env", BYTES("/opt/env")},
        {SLASH_SAMPLE("slash, one missing", 9, .span = 9), "/opt/env", BYTES("/opt//env")},
        {SLASH_SAMPLE("slash, two missing", 10, .span = 10), "/opt/env", BYTES("///opt/env")},
        {SLASH_SAMPLE("slash, one component, one missing", 5, .span = 5), "/opt", BYTES("/opt/")},
        {SLASH_SAMPLE("slash, one component, two missing", 6, .span = 6), "/opt", BYTES("///opt")},
        {SLASH_SAMPLE("slash, amid zeros", 12, .offset = 2, .span = 9), "/opt/env", BYTES("\0\0/opt//env\0")},
        {SLASH_SAMPLE("slash, soft, too long", 7, .span = 7, .flags = SFX_SITE_FLAG_SOFT), "/opt/env", BYTES("///////")},
        {SLASH_SAMPLE("slash, soft, fits", 8, .span = 8, .flags = SFX_SITE_FLAG_SOFT), "/opt/env", BYTES("/opt/env")},
        {SLASH_SAMPLE("slash, utf-16le, exactly", 8, .span = 8, .encoding = SFX_ENCODING_UTF16LE), "/o/e", BYTES("/\0o\0/\0e\0")},
        {SLASH_SAMPLE("slash, utf-16le, one missing", 10, .span = 10, .encoding = SFX_ENCODING_UTF16LE),
         "/o/e", BYTES("/\0o\0/\0/\0e\0")},
        {SLASH_SAMPLE("slash, utf-16be, one missing", 10, .span = 10, .encoding = SFX_ENCODING_UTF16BE),
         "/o/e", BYTES("\0/\0o\0/\0/\0e")},
        {SLASH_SAMPLE("slash, utf-16be, two missing", 12, .span = 12, .encoding = SFX_ENCODING_UTF16BE),
         "/o/e", BYTES("\0/\0/\0/\0o\0/\0e")},
        {SLASH_SAMPLE("slash, utf-32le, one component, one missing", 12, .span = 12, .encoding = SFX_ENCODING_UTF32LE),
         "/o", BYTES("/\0\0\0o\0\0\0/\0\0\0")},
        {SLASH_SAMPLE("slash, utf-32be, one component, one missing", 12, .span = 12, .encoding = SFX_ENCODING_UTF32BE),
         "/o", BYTES("\0\0\0/\0\0\0o\0\0\0/")},
        {SLASH_SAMPLE("slash, utf-16le, soft, too long", 4, .span = 4, .encoding = SFX_ENCODING_UTF16LE, .flags = SFX_SITE_FLAG_SOFT),
         "/o/e", BYTES("/\0/\0")},
        {SLASH_SAMPLE("slash, utf-16le, no slash in U+2F00", 10, .span = 10, .encoding = SFX_ENCODING_UTF16LE),
         "/\xe2\xbc\x80/e", BYTES("/\0\0\x2f/\0/\0" "e\0")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run(&rows[i]);
    const struct sample hard = SLASH_SAMPLE("slash, hard, too long", 7, .span = 7);
    run_refused(&hard, "/opt/env", SFX_ERROR_FORMAT);
    const struct sample other = {"slash, other content", BYTES("\0\0\0\1"), {{SLASH, .span = 4}}, 0};
    run_refused(&other, "/opt", SFX_ERROR_FORMAT);
}

/* A prefix of SIZE bytes, "/ppp..."; valid until the next call. */
static const char *long_prefix(size_t size)
{
    static char text[SFX_MAX_PREFIX + 1];
    memset(text, 'p', size);
    text[0] = '/';
    text[size] = '\0';
    return text;
}

/* NEUTRAL before the prefix, HEAD and TAIL around it in the rendering. */
static void run_around(struct sample sample, const char *prefix, struct sfx_bytes head, struct sfx_bytes tail)
{
    SFX_BUFFER expected = {0};
    sfx_buffer_add(&expected, head.data, head.size);
    sfx_buffer_add_text(&expected, prefix);
    sfx_buffer_add(&expected, tail.data, tail.size);
    const struct row row = {sample, prefix, {expected.data, expected.size}};
    run(&row);
}

static void test_pyc(void)
{
    enum { B = SFX_PYC_DETAIL_BYTES, I = SFX_PYC_DETAIL_INTERNED, R = SFX_PYC_DETAIL_REF, A = SFX_PYC_DETAIL_ASCII };
#define PY(text, detail_) {text, BYTES("N/lib."), {{PYC, .offset = 1, .span = 4, .detail = detail_, ONE_HIT(0)}}, 0}
    const struct row rows[] = {
        {PY("pyc, ascii", A), "/op", BYTES("Nz\x07/op/lib.")},
        {PY("pyc, ascii interned", A | I), "/op", BYTES("NZ\x07/op/lib.")},
        {PY("pyc, ascii ref", A | R), "/op", BYTES("N\xfa\x07/op/lib.")},
        {PY("pyc, ascii interned ref", A | I | R), "/op", BYTES("N\xda\x07/op/lib.")},
        {PY("pyc, not ascii", 0), "/op", BYTES("Nu\x07\0\0\0/op/lib.")},
        {PY("pyc, not ascii interned", I), "/op", BYTES("Nt\x07\0\0\0/op/lib.")},
        {PY("pyc, not ascii interned ref", I | R), "/op", BYTES("N\xf4\x07\0\0\0/op/lib.")},
        {PY("pyc, ascii, prefix not", A), "/\xc3\xa9", BYTES("Nu\x07\0\0\0/\xc3\xa9/lib.")},
        {PY("pyc, ascii interned ref, prefix not", A | I | R), "/\xc3\xa9", BYTES("N\xf4\x07\0\0\0/\xc3\xa9/lib.")},
        {PY("pyc, bytes", B), "/op", BYTES("Ns\x07\0\0\0/op/lib.")},
        {PY("pyc, bytes ref", B | R), "/\xc3\xa9", BYTES("N\xf3\x07\0\0\0/\xc3\xa9/lib.")},
        {PY("pyc, bytes, prefix not utf-8", B), "/\xe9", BYTES("Ns\x06\0\0\0/\xe9/lib.")},
        {PY("pyc, str, prefix not utf-8", A), "/\xe9\xff", BYTES("Nu\x0b\0\0\0/\xed\xb3\xa9\xed\xb3\xbf/lib.")},
        {PY("pyc, str, prefix cut in a sequence", A), "/\xe2\x82", BYTES("Nu\x0b\0\0\0/\xed\xb3\xa2\xed\xb2\x82/lib.")},
        {{"pyc, two hits", BYTES(":"), {{PYC, .offset = 0, .span = 1, .detail = A, .hit_count = 2, .hits = {0, 1}}}, 0},
         "/p", BYTES("z\x05/p:/p")},
        {{"pyc, nothing but the prefix", BYTES(""), {{PYC, .offset = 0, .span = 0, .detail = A | I, ONE_HIT(0)}}, 0},
         "/p", BYTES("Z\x02/p")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run(&rows[i]);
#define HEAD(text) (struct sfx_bytes) BYTES(text)
    const struct sample ascii = PY("pyc, ascii, length", A);
    const struct sample interned = PY("pyc, interned, length", A | I | R);
    const struct sample wide = PY("pyc, not ascii, length", 0);
    run_around(ascii, long_prefix(251), HEAD("Nz\xff"), HEAD("/lib."));
    run_around(ascii, long_prefix(252), HEAD("Na\0\x01\0\0"), HEAD("/lib."));
    run_around(ascii, long_prefix(SFX_MAX_PREFIX), HEAD("Na\xa4\x0f\0\0"), HEAD("/lib."));
    run_around(interned, long_prefix(251), HEAD("N\xda\xff"), HEAD("/lib."));
    run_around(interned, long_prefix(252), HEAD("N\xc1\0\x01\0\0"), HEAD("/lib."));
    run_around(wide, long_prefix(251), HEAD("Nu\xff\0\0\0"), HEAD("/lib."));
    run_around(wide, long_prefix(252), HEAD("Nu\0\x01\0\0"), HEAD("/lib."));
}

static void test_derived(void)
{
#define DE(text, what) {text, BYTES("MAGC...."), {{DERIVED, .offset = 6, .encoding = what}}, 0}
    const struct row rows[] = {
        {DE("size in digits", SFX_DERIVED_SIZE_DECIMAL), "/p", BYTES("MAGC..3..")},
        {DE("size in four bytes", SFX_DERIVED_SIZE_LE32), "/p", BYTES("MAGC..\x03\0\0\0..")},
        {DE("time", SFX_DERIVED_MTIME_LE32), "/p", BYTES("MAGC..\x00\x10\x5e\x5f..")},
        {DE("sha-256", SFX_DERIVED_SHA256_HEX), "/p",
         BYTES("MAGC..94e95f0bb38f8e0fb52a6dab21f7708dde104b7edeb2eb5ce6b7e68f1328c295..")},
        {DE("sha-256 of RECORD", SFX_DERIVED_SHA256_RECORD), "/p",
         BYTES("MAGC..lOlfC7OPjg-1Km2rIfdwjd4QS37esutc5rfmjxMowpU..")},
        {DE("siphash-1-3", SFX_DERIVED_SIPHASH13), "/p", BYTES("MAGC../M\xb3\xaf\x8d" "D\xe7I..")},
        {DE("siphash-2-4", SFX_DERIVED_SIPHASH24), "/p", BYTES("MAGC..\xc4\xc1\n-\x11\xa7\xfdq..")},
        {{"two at one place", BYTES("MAGC"), {{DERIVED, .offset = 4, .encoding = SFX_DERIVED_MTIME_LE32},
                                             {DERIVED, .offset = 4, .encoding = SFX_DERIVED_SIZE_LE32}}, 0},
         "/p", BYTES("MAGC\x00\x10\x5e\x5f\x03\0\0\0")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run(&rows[i]);
}

#define LINE(text, hit, form) {{SHEBANG, .offset = 0, .span = sizeof(text) - 2, .detail = form, ONE_HIT(hit)}}

static void test_shebang(void)
{
    enum { PYTHON = 1, SHELL = 2, PERL = 3, NODE = 4, ENV = 5 };
#define ROW(name, neutral, hit, form, prefix, expected) \
    {{name, BYTES(neutral), LINE(neutral, hit, form), LINUX}, prefix, BYTES(expected)}
    const struct row rows[] = {
        ROW("line", "#!/bin/python\n", 2, PYTHON, "/opt/env", "#!/opt/env/bin/python\n"),
        ROW("line with arguments", "#! /bin/python -E\n", 3, PYTHON, "/opt/env", "#! /opt/env/bin/python -E\n"),
        ROW("python", "#!/bin/python\n", 2, PYTHON, "/my env",
            "#!/bin/sh\n'''exec' \"/my env/bin/python\" \"$0\" \"$@\"\n' '''\n"),
        ROW("python with arguments", "#!/bin/python -E -s\n", 2, PYTHON, "/my env",
            "#!/bin/sh\n'''exec' \"/my env/bin/python\" \"-E -s\" \"$0\" \"$@\"\n' '''\n"),
        ROW("python, blank before the interpreter", "#! /bin/python -E\n", 3, PYTHON, "/my env",
            "#!/bin/sh\n'''exec' \"/my env/bin/python\" \"-E\" \"$0\" \"$@\"\n' '''\n"),
        ROW("python, other blanks", "#!\t/bin/python \t -E\n", 3, PYTHON, "/my env",
            "#!/bin/sh\n'''exec' \"/my env/bin/python\" \"-E\" \"$0\" \"$@\"\n' '''\n"),
        ROW("python, blanks at the end", "#!/bin/python  \n", 2, PYTHON, "/my env",
            "#!/bin/sh\n'''exec' \"/my env/bin/python\" \"$0\" \"$@\"\n' '''\n"),
        ROW("python, every quoted byte", "#!/bin/python\n", 2, PYTHON, "/a\\b\"c$d`e'f",
            "#!/bin/sh\n'''exec' \"/a\\\\b\\\"c\"'$'\"d\"'`'\"e'f/bin/python\" \"$0\" \"$@\"\n' '''\n"),
        ROW("shell", "#!/bin/bash\n", 2, SHELL, "/my env",
            "#!/bin/sh\nif test -z \"${SFXPACK_REEXEC-}\"; then SFXPACK_REEXEC=1; export SFXPACK_REEXEC; "
            "exec \"/my env/bin/bash\" \"$0\" \"$@\"; fi; unset SFXPACK_REEXEC\n"),
        ROW("shell with arguments", "#!/bin/bash -e\n", 2, SHELL, "/my env",
            "#!/bin/sh\nif test -z \"${SFXPACK_REEXEC-}\"; then SFXPACK_REEXEC=1; export SFXPACK_REEXEC; "
            "exec \"/my env/bin/bash\" \"-e\" \"$0\" \"$@\"; fi; unset SFXPACK_REEXEC\n"),
        ROW("perl", "#!/bin/perl\n", 2, PERL, "/my env", "#!/bin/sh\nexec \"/my env/bin/perl\" -x \"$0\" \"$@\"\n#!perl\n"),
        ROW("perl with arguments", "#!/bin/perl -w\n", 2, PERL, "/my env",
            "#!/bin/sh\nexec \"/my env/bin/perl\" -x \"$0\" \"$@\"\n#!perl -w\n"),
        ROW("ruby", "#!/bin/ruby3.1\n", 2, PERL, "/my env",
            "#!/bin/sh\nexec \"/my env/bin/ruby3.1\" -x \"$0\" \"$@\"\n#!ruby\n"),
        ROW("rub", "#!/bin/rub\n", 2, PERL, "/my env", "#!/bin/sh\nexec \"/my env/bin/rub\" -x \"$0\" \"$@\"\n#!perl\n"),
        ROW("node", "#!/bin/node\n", 2, NODE, "/my env", "#!/bin/sh\n':' //; exec \"/my env/bin/node\" \"$0\" \"$@\"\n"),
        ROW("node with arguments", "#!/bin/node --abc d\n", 2, NODE, "/my env",
            "#!/bin/sh\n':' //; exec \"/my env/bin/node\" \"--abc d\" \"$0\" \"$@\"\n"),
        ROW("env", "#!/bin/Rscript\n", 2, ENV, "/my env", "#!/usr/bin/env Rscript\n"),
        ROW("env with arguments", "#!/bin/Rscript --vanilla -e\n", 2, ENV, "/my env",
            "#!/usr/bin/env -S Rscript \"--vanilla -e\"\n"),
        ROW("env, other directory", "#!/libexec/tool\n", 2, ENV, "/my env", "#!/usr/bin/env tool\n"),
        ROW("env, unknown directory", "#!/cde/tool\n", 2, ENV, "/my env", "#!/usr/bin/env tool\n"),
        ROW("not above 0x7e", "#!/bin/node\n", 2, NODE, "/\xc3\xa9",
            "#!/bin/sh\n':' //; exec \"/\xc3\xa9/bin/node\" \"$0\" \"$@\"\n"),
        ROW("apostrophe", "#!/bin/node\n", 2, NODE, "/a'b", "#!/bin/sh\n':' //; exec \"/a'b/bin/node\" \"$0\" \"$@\"\n"),
        ROW("other special bytes are fine", "#!/bin/node\n", 2, NODE, "/a;b&~", "#!/a;b&~/bin/node\n"),
        {{"prefix in the arguments too", BYTES("#!/bin/sh -I/lib\n"),
          {{SHEBANG, .span = 16, .detail = NODE, .hit_count = 2, .hits = {2, 12}}}, LINUX}, "/m y",
         BYTES("#!/bin/sh\n':' //; exec \"/m y/bin/sh\" \"-I/m y/lib\" \"$0\" \"$@\"\n")},
        {{"prefix in the arguments alone", BYTES("#!/bin/sh /x\n"),
          {{SHEBANG, .span = 12, .detail = NODE, .hit_count = 1, .hits = {10}}}, LINUX}, "/m y",
         BYTES("#!/bin/sh\n':' //; exec \"/bin/sh\" \"/m y/x\" \"$0\" \"$@\"\n")},
        {{"the interpreter is the prefix", BYTES("#! -E\n"), {{SHEBANG, .span = 5, .detail = NODE, ONE_HIT(2)}}, LINUX}, "/m y",
         BYTES("#!/bin/sh\n':' //; exec \"/m y\" \"-E\" \"$0\" \"$@\"\n")},
        {{"prefix between blanks", BYTES("#! /bin/sh   \n"), {{SHEBANG, .span = 13, .detail = NODE, ONE_HIT(12)}}, LINUX}, "/m y",
         BYTES("#!/bin/sh\n':' //; exec \"/bin/sh\" \"/m y\" \"$0\" \"$@\"\n")},
        {{"prefix at the interpreter's end", BYTES("#!/bin/sh -e \t\n"), {{SHEBANG, .span = 14, .detail = NODE, ONE_HIT(9)}}, LINUX},
         "/m y", BYTES("#!/bin/sh\n':' //; exec \"/bin/sh/m y\" \"-e\" \"$0\" \"$@\"\n")},
        {{"every quoted byte of arguments", BYTES("#!/bin/sh -I'\\\n"), {{SHEBANG, .span = 14, .detail = SHELL, .hit_count = 2, .hits = {2, 12}}}, LINUX},
         "/a\\b\"c$d`e", BYTES("#!/bin/sh\nif test -z \"${SFXPACK_REEXEC-}\"; then SFXPACK_REEXEC=1; export SFXPACK_REEXEC; exec "
         "\"/a\\\\b\\\"c\\$d\\`e/bin/sh\" \"-I/a\\\\b\\\"c\\$d\\`e'\\\\\" \"$0\" \"$@\"; fi; unset SFXPACK_REEXEC\n")},
        {{"every quoted byte of env's arguments", BYTES("#!/bin/Rscript -f \n"), {{SHEBANG, .span = 18, .detail = ENV, .hit_count = 2, .hits = {2, 17}}}, LINUX},
         "/a\\b\"c$d`e", BYTES("#!/usr/bin/env -S Rscript \"-f/a\\\\b\\\"c\\$d`e\"\n")},
        {{"perl's arguments as they are", BYTES("#!/bin/perl -I  \n"), {{SHEBANG, .span = 16, .detail = PERL, .hit_count = 2, .hits = {2, 14}}}, LINUX},
         "/a\"b", BYTES("#!/bin/sh\nexec \"/a\\\"b/bin/perl\" -x \"$0\" \"$@\"\n#!perl -I/a\"b\n")},
        {{"no newline", BYTES("#!/bin/node"), {{SHEBANG, .span = 11, .detail = NODE, ONE_HIT(2)}}, LINUX}, "/m y",
         BYTES("#!/bin/sh\n':' //; exec \"/m y/bin/node\" \"$0\" \"$@\"")},
        {{"no newline, perl", BYTES("#!/bin/perl"), {{SHEBANG, .span = 11, .detail = PERL, ONE_HIT(2)}}, LINUX}, "/m y",
         BYTES("#!/bin/sh\nexec \"/m y/bin/perl\" -x \"$0\" \"$@\"\n#!perl")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run(&rows[i]);
    const struct sample sample = {"another line", BYTES("#!/bin/node\n"), LINE("#!/bin/node\n", 2, NODE), 0};
    run_other_line(&sample, "#!/bin/nose\n");
}

/* "#!" prefix "/x" has 4 bytes beside the prefix. */
static void test_shebang_limits(void)
{
    struct sample sample = {"line at the limit", BYTES("#!/x\n"), {{SHEBANG, .span = 4, .detail = SFX_SHEBANG_FORM_NODE, ONE_HIT(2)}}, LINUX};
    const struct sfx_bytes line[2] = {BYTES("#!"), BYTES("/x\n")};
    const struct sfx_bytes form[2] = {BYTES("#!/bin/sh\n':' //; exec \""), BYTES("/x\" \"$0\" \"$@\"\n")};
    run_around(sample, long_prefix(127 - 4), line[0], line[1]);
    run_around(sample, long_prefix(128 - 4), form[0], form[1]);
    sample.platform = MACOS;
    run_around(sample, long_prefix(511 - 4), line[0], line[1]);
    run_around(sample, long_prefix(512 - 4), form[0], form[1]);
}

static void test_prefixes(void)
{
    static const struct {
        const char *prefix;
        enum sfx_error error;
    } rows[] = {
        {"/opt/env", SFX_OK}, {"", SFX_ERROR_USAGE}, {"/", SFX_ERROR_USAGE}, {"opt", SFX_ERROR_USAGE},
        {"/opt/", SFX_ERROR_USAGE}, {"/o\npt", SFX_ERROR_PREFIX}, {"/o\tpt", SFX_ERROR_PREFIX}, {"/o\x7f", SFX_ERROR_PREFIX},
    };
    struct sfx_fault fault;
    struct sfx_prefix *prefix = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(sfx_prefix_open(rows[i].prefix, LINUX, &prefix, &fault) == rows[i].error, rows[i].prefix, "prefix");
        sfx_prefix_close(prefix);
    }
    check(sfx_prefix_open(long_prefix(SFX_MAX_PREFIX), LINUX, &prefix, &fault) == SFX_OK, "prefix", "of the limit");
    sfx_prefix_close(prefix);
    char longer[SFX_MAX_PREFIX + 2];
    memset(longer, 'p', sizeof longer - 1);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    check(sfx_prefix_open(longer, LINUX, &prefix, &fault) == SFX_ERROR_LONG, "prefix", "longer than the limit");
    sfx_prefix_close(prefix);
}

static uint64_t siphash(int rounds, uint64_t k0, uint64_t k1, size_t size, size_t step)
{
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    struct sfx_siphash hash;
    sfx_siphash_start(&hash, rounds, k0, k1);
    for (size_t i = 0; i < size; i += step)
        sfx_siphash_add(&hash, bytes + i, size - i < step ? size - i : step);
    return sfx_siphash_end(&hash);
}

static void test_digests(void)
{
    /* The paper's appendix A, and _imp.source_hash(0x0A0D0DCB, bytes(range(64))) of CPython 3.11. */
    for (size_t step = 1; step <= 16; step++) {
        check(siphash(2, 0x0706050403020100, 0x0f0e0d0c0b0a0908, 15, step) == 0xa129ca6149be45e5, "siphash-2-4", "differs");
        check(siphash(1, 0x0a0d0dcb, 0, 64, step) == 0xd848233d512fb597, "siphash-1-3", "differs");
    }
    static const uint8_t blake2b[32] = {
        0xbd, 0xdd, 0x81, 0x3c, 0x63, 0x42, 0x39, 0x72, 0x31, 0x71, 0xef, 0x3f, 0xee, 0x98, 0x57, 0x9b,
        0x94, 0x96, 0x4e, 0x3b, 0xb1, 0xcb, 0x3e, 0x42, 0x72, 0x62, 0xc8, 0xc0, 0x68, 0xd5, 0x23, 0x19,
    };
    static const uint8_t sha256[32] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    };
    uint8_t found[32];
    sfx_digest("abc", 3, found);
    check(memcmp(found, blake2b, 32) == 0, "blake2b", "differs");
    struct sfx_blake2b hash;
    sfx_blake2b_start(&hash);
    sfx_blake2b_add(&hash, "a", 1);
    sfx_blake2b_add(&hash, "bc", 2);
    sfx_blake2b_end(&hash, found);
    check(memcmp(found, blake2b, 32) == 0, "blake2b in steps", "differs");
    struct sfx_sha256 sha;
    sfx_sha256_start(&sha);
    sfx_sha256_add(&sha, "abc", 3);
    sfx_sha256_end(&sha, found);
    check(memcmp(found, sha256, 32) == 0, "sha-256", "differs");
}

int main(void)
{
    test_digests();
    test_prefixes();
    test_splices();
    test_encodings();
    test_slash();
    test_pyc();
    test_derived();
    test_shebang();
    test_shebang_limits();
    printf("%u checks, %u failures\n", checks, failures);
    return failures != 0;
}
