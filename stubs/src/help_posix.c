/* --help and the like on POSIX systems: at most 40 lines of 80 columns. */
#include "help.h"

#include <stdio.h>

#include "os.h"

const struct sfx_words sfx_words = {
    .run = "sh ",
    .activate = ". ",
    .programs = "/bin",
    .moves = "mv it, then run NEW/" SFX_TOOL " relocate",
};

static const char installer[] =
    "Usage: %s [options]\n"
    "\n"
    "Installs an environment in one folder, its prefix. Nothing else is changed.\n"
    "Without --prefix it asks where, if there is a terminal.\n"
    "\n"
    "Install\n"
    "  -p, --prefix DIR       where; asks nothing\n"
    "  -y, --yes              take the default prefix, ask nothing (also -b, --batch)\n"
    "      --modify-rc        activate it in new shells: adds lines to ~/.bashrc or\n"
    "                         what your shell reads; sfx uninstall takes them out\n"
    "      --force            replace an installation there; what you added or\n"
    "                         changed is kept\n"
    "  -j, --jobs N           threads (default: the processors it may use)\n"
    "  -q, --quiet            say nothing but errors\n"
    "      --mode MODE        who may use it: private, group, shared or keep\n"
    "      --skip-check NAME  install though this check of --check-only failed\n"
    "      --log FILE         add the log to FILE too\n"
    "      --no-sync          do not wait for the disk\n"
    "      --break-lock       take over the lock of a run on another machine\n"
    "      --accept-license   the licence that --licenses prints\n"
    "      --skip-hooks       run none of its scripts\n"
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
    "  -h, --help             this text\n"
    "      --version          the version of sfxpack that made it\n"
    "\n"
    "Examples\n"
    "  %s --prefix /opt/env\n"
    "  sh %s --prefix ~/env     from a stick that forbids execution\n"
    "  %s --extract '*.so' out\n";

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
    "Examples\n"
    "  mv /opt/env /srv/env; /srv/env/.sfxpack/sfx relocate\n"
    "  /opt/env/.sfxpack/sfx run python -V\n";

/* `./NAME` for a file that is here: short enough for a line. */
static const char *short_name(const struct sfx_session *session, char buffer[48])
{
    const char *path = session->options.artifact ? session->options.artifact : "FILE";
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (strlen(name) > 30)
        name = "FILE";
    snprintf(buffer, 48, "./%s", name);
    return buffer;
}

enum sfx_error sfx_help_installer(const struct sfx_session *session)
{
    char buffer[48];
    const char *name = short_name(session, buffer);
    printf(installer, name, name, name + 2, name);
    return SFX_OK;
}

enum sfx_error sfx_help_tool(const struct sfx_session *session)
{
    (void)session;
    fputs(tool, stdout);
    return SFX_OK;
}
