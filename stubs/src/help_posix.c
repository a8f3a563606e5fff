/* What POSIX systems call things; see help.h. */
#include "help.h"

#include <stdio.h>

#include "os.h"

const struct sfx_words sfx_words = {
    .run = "sh ",
    .here = "./",
    .activate = ". ",
    .programs = "/bin",
    .moves = "mv it, then run NEW/" SFX_TOOL " relocate",
    .terminal = "terminal",
    .profile = "      --modify-rc        activate it in new shells: adds lines to ~/.bashrc or\n"
               "                         what your shell reads; sfx uninstall takes them out\n",
    .mode = "      --mode MODE        who may use it: private, group, shared or keep\n",
    .deployment = "",
    .help = "",
    .tool_examples = "  mv /opt/env /srv/env; /srv/env/.sfxpack/sfx relocate\n"
                     "  /opt/env/.sfxpack/sfx run python -V\n",
};

void sfx_help_examples(const char *name)
{
    printf("  ./%s --prefix /opt/env\n"
           "  sh %s --prefix ~/env     from a stick that forbids execution\n"
           "  ./%s --extract '*.so' out\n", name, name, name);
}
