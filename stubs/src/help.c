/* --help: at most 40 lines of 80 columns. What differs on each system is in help_posix.c and help_win32.c. */
#include "help.h"

#include <stdio.h>

#define LONGEST 30u                      /* characters of a name that examples repeat */

static const char installer[] =
    "Usage: %s%s [options]\n"
    "\n"
    "Installs an environment in one folder, its prefix. Nothing else is changed.\n"
    "Without --prefix it asks where, if there is a %s.\n"
    "\n"
    "Install\n"
    "  -p, --prefix DIR       where; asks nothing\n"
    "  -y, --yes              take the default prefix, ask nothing (also -b, --batch)\n"
    "%s"
    "      --force            replace an installation there; what you added or\n"
    "                         changed is kept\n"
    "  -j, --jobs N           threads (default: the processors it may use)\n"
    "  -q, --quiet            say nothing but errors\n"
    "%s"
    "      --skip-check NAME  install though this check of --check-only failed\n"
    "      --log FILE         add the log to FILE too\n"
    "      --no-sync          do not wait for the disk\n"
    "      --break-lock       take over the lock of a run on another machine\n"
    "      --accept-license   the licence that --licenses prints\n"
    "      --skip-hooks       run none of its scripts\n"
    "%s"
    "\n"
    "Look\n"
    "      --info             name, size, requirements, limits, scripts\n"
    "      --list             all files: mode, size, path\n"
    "      --check-only       whether it could be installed here\n"
    "      --verify           check every byte of this file and its parts\n"
    "      --extract PATTERN DIR\n"
    "                         write files that match into DIR; PATTERN without a\n"
    "                         slash is a name, a folder takes what is in it\n"
    "      --json             for programs: an event a line while it installs;\n"
    "                         --info, --list and --check-only as JSON\n"
    "      --licenses         of what this installer is made of\n"
    "  -h, --help%-13sthis text\n"
    "      --version          the version of sfxpack that made it\n";

static const char tool[] =
    "Usage: sfx COMMAND\n"
    "\n"
    "Looks after the installation it lies in.\n"
    "\n"
    "  info         what is installed here\n"
    "  verify       whether each file is as it was installed\n"
    "  run COMMAND  run a command with the environment activated\n"
    "  relocate     make it right for where it lies now, after it was moved\n"
    "  relocate NEW make a copy of it in the folder NEW\n"
    "  uninstall    remove it; what you added or changed stays and is listed\n"
    "               (exit 12), and so does its folder if it was there before\n"
    "\n"
    "  -y, --yes        remove it without asking\n"
    "      --skip-hooks with uninstall: without the script of who made it\n"
    "      --purge      remove files that you changed, too\n"
    "      --move       with NEW: remove the original afterwards\n"
    "      --skip-check NAME\n"
    "                   with NEW: copy though this check failed\n"
    "      --strict     change nothing if files were added or changed; without it\n"
    "                   they are listed and stay as they are (exit 12)\n"
    "  -j, --jobs N     threads (default: the processors it may use)\n"
    "  -q, --quiet      say nothing but errors\n"
    "      --log FILE   add the log to FILE too\n"
    "      --json       for programs: an event a line (not with info)\n"
    "      --no-sync    do not wait for the disk\n"
    "      --break-lock take over the lock of a run on another machine\n"
    "  -h, --help       this text\n"
    "      --version    the version of sfxpack that made it\n"
    "\n"
    "What was interrupted goes on where it is started again.\n"
    "\n"
    "Examples\n";

enum sfx_error sfx_help_installer(const struct sfx_session *session)
{
    const char *name = sfx_path_name(session->options.artifact ? session->options.artifact : "FILE");
    const struct sfx_words *words = &sfx_words;
    if (strlen(name) > LONGEST)
        name = "FILE";
    printf(installer, words->here, name, words->terminal, words->profile, words->mode, words->deployment, words->help);
    fputs("\nExamples\n", stdout);
    sfx_help_examples(name);
    return SFX_OK;
}

enum sfx_error sfx_help_tool(const struct sfx_session *session)
{
    (void)session;
    fputs(tool, stdout);
    fputs(sfx_words.tool_examples, stdout);
    return SFX_OK;
}
