/* Tables of (neutral content, sites, prefix, rendering): every strategy and encoding, with the edges of their lengths. First
 * lines are in test_shebang.c. */
#include <inttypes.h>

#include "check.h"
#include "rows.h"

#define LINUX SFX_PLATFORM_LINUX_X86_64
#define TEXT SFX_STRATEGY_TEXT
#define CSTRING SFX_STRATEGY_CSTRING
#define SLASH SFX_STRATEGY_SLASH
#define PYC SFX_STRATEGY_PYC
#define DERIVED SFX_STRATEGY_DERIVED

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
        row_run(&rows[i]);
    const struct sample full = {"C string, too long", BYTES("/lib\0\0\0\0"), {{CSTRING, .offset = 0, .span = 8, ONE_HIT(0)}}, 0};
    row_run_refused(&full, "/optx", SFX_ERROR_FORMAT);
    row_run_refused(&full, "/a/much/longer/prefix/than/that", SFX_ERROR_FORMAT);
    const struct sample tail = {"C string, no NUL", BYTES("/lib\0\0\0x"), {{CSTRING, .offset = 0, .span = 8, ONE_HIT(0)}}, 0};
    row_run_refused(&tail, "/o", SFX_ERROR_FORMAT);
    const struct sample late = {"C string, hit among the NULs", BYTES("/lib\0\0\0\0"), {{CSTRING, .offset = 0, .span = 8, ONE_HIT(7)}}, 0};
    row_run_refused(&late, "/o", SFX_ERROR_FORMAT);
    const struct sample wide = {"C string, UTF-16, too long", BYTES("x\0\0\0\0\0"), {{CSTRING, .offset = 0, .span = 6, .encoding = SFX_ENCODING_UTF16LE, ONE_HIT(0)}}, 0};
    row_run_refused(&wide, "/op", SFX_ERROR_FORMAT);
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
        row_run(&rows[i]);
    static const char *const not_utf8[] = {
        "/\xff", "/\xc3", "/\xc0\xaf", "/\xe0\x80\xaf", "/\xed\xa0\x80", "/\xf4\x90\x80\x80", "/\xf5\x80\x80\x80", "/\x80", "/\xbf\x80", "/\xe2\x82",
    };
    for (size_t i = 0; i < sizeof not_utf8 / sizeof not_utf8[0]; i++) {
        for (uint8_t encoding = SFX_ENCODING_UTF16LE; encoding <= SFX_ENCODING_UTF32BE; encoding++) {
            const struct sample wide = {not_utf8[i], BYTES(""), {{TEXT, .offset = 0, .encoding = encoding, ONE_HIT(0)}}, 0};
            row_run_refused(&wide, not_utf8[i], SFX_ERROR_PREFIX);
        }
        struct sfx_bytes same = {(const uint8_t *)not_utf8[i], strlen(not_utf8[i])};
        const struct row plain = {{not_utf8[i], BYTES(""), {{TEXT, .offset = 0, ONE_HIT(0)}}, 0}, not_utf8[i], same};
        row_run(&plain);
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
        row_run(&rows[i]);
    const struct sample hard = SLASH_SAMPLE("slash, hard, too long", 7, .span = 7);
    row_run_refused(&hard, "/opt/env", SFX_ERROR_FORMAT);
    const struct sample other = {"slash, other content", BYTES("\0\0\0\1"), {{SLASH, .span = 4}}, 0};
    row_run_refused(&other, "/opt", SFX_ERROR_FORMAT);
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
        row_run(&rows[i]);
#define HEAD(text) (struct sfx_bytes) BYTES(text)
    const struct sample ascii = PY("pyc, ascii, length", A);
    const struct sample interned = PY("pyc, interned, length", A | I | R);
    const struct sample wide = PY("pyc, not ascii, length", 0);
    row_run_around(ascii, row_long_prefix(251), HEAD("Nz\xff"), HEAD("/lib."));
    row_run_around(ascii, row_long_prefix(252), HEAD("Na\0\x01\0\0"), HEAD("/lib."));
    row_run_around(ascii, row_long_prefix(SFX_MAX_PREFIX), HEAD("Na\xa4\x0f\0\0"), HEAD("/lib."));
    row_run_around(interned, row_long_prefix(251), HEAD("N\xda\xff"), HEAD("/lib."));
    row_run_around(interned, row_long_prefix(252), HEAD("N\xc1\0\x01\0\0"), HEAD("/lib."));
    row_run_around(wide, row_long_prefix(251), HEAD("Nu\xff\0\0\0"), HEAD("/lib."));
    row_run_around(wide, row_long_prefix(252), HEAD("Nu\0\x01\0\0"), HEAD("/lib."));
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
        row_run(&rows[i]);
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
    const struct sfx_index empty = {.platform = LINUX};
    struct sfx_fault fault;
    struct sfx_prefix *prefix = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(sfx_prefix_open(rows[i].prefix, &empty, &prefix, &fault) == rows[i].error, rows[i].prefix, "prefix");
        sfx_prefix_close(prefix);
    }
    check(sfx_prefix_open(row_long_prefix(SFX_MAX_PREFIX), &empty, &prefix, &fault) == SFX_OK, "prefix", "of the limit");
    sfx_prefix_close(prefix);
    char longer[SFX_MAX_PREFIX + 2];
    memset(longer, 'p', sizeof longer - 1);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    check(sfx_prefix_open(longer, &empty, &prefix, &fault) == SFX_ERROR_LONG, "prefix", "longer than the limit");
    sfx_prefix_close(prefix);
}

int main(void)
{
    test_prefixes();
    test_splices();
    test_encodings();
    test_slash();
    test_pyc();
    test_derived();
    return check_end();
}
