/* What Windows calls things; see help.h. */
#include "help.h"

#include <stdio.h>

#include "os.h"

const struct sfx_words sfx_words = {
    .run = "",
    .here = "",
    .activate = "",
    .programs = "",
    .moves = "move the folder, then run NEW\\.sfxpack\\sfx relocate",
    .terminal = "console",
    .profile = "",
    .mode = "",
    .deployment = "  /S /LOG=FILE /D=DIR    as deployment tools write it: --yes --quiet, --log and,\n"
                  "                         as the last argument and without quotes, --prefix\n",
    .help = ", /?",
    .tool_examples = "  move C:\\env D:\\env & D:\\env\\.sfxpack\\sfx relocate\n"
                     "  C:\\env\\.sfxpack\\sfx run python -V\n",
};

void sfx_help_examples(const char *name)
{
    printf("  %s --prefix C:\\Tools\\env\n"
           "  %s --extract *.dll out\n", name, name);
}
