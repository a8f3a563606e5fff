/* Tables of first lines: every re-exec form, and the limits of the systems. */
#include "check.h"
#include "rows.h"

#define LINUX SFX_PLATFORM_LINUX_X86_64
#define MACOS SFX_PLATFORM_MACOS_ARM64
#define SHEBANG SFX_STRATEGY_SHEBANG

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
        row_run(&rows[i]);
    const struct sample sample = {"another line", BYTES("#!/bin/node\n"), LINE("#!/bin/node\n", 2, NODE), 0};
    row_run_other_line(&sample, "#!/bin/nose\n");
}

/* "#!" prefix "/x" has 4 bytes beside the prefix. */
static void test_shebang_limits(void)
{
    struct sample sample = {"line at the limit", BYTES("#!/x\n"), {{SHEBANG, .span = 4, .detail = SFX_SHEBANG_FORM_NODE, ONE_HIT(2)}}, LINUX};
    const struct sfx_bytes line[2] = {BYTES("#!"), BYTES("/x\n")};
    const struct sfx_bytes form[2] = {BYTES("#!/bin/sh\n':' //; exec \""), BYTES("/x\" \"$0\" \"$@\"\n")};
    row_run_around(sample, row_long_prefix(127 - 4), line[0], line[1]);
    row_run_around(sample, row_long_prefix(128 - 4), form[0], form[1]);
    sample.platform = MACOS;
    row_run_around(sample, row_long_prefix(511 - 4), line[0], line[1]);
    row_run_around(sample, row_long_prefix(512 - 4), form[0], form[1]);
}

int main(void)
{
    test_shebang();
    test_shebang_limits();
    return check_end();
}
