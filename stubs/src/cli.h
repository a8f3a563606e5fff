/* The command line. */
#ifndef SFX_CLI_H
#define SFX_CLI_H

#include "fault.h"
#include "modes.h"

enum sfx_action {
    SFX_ACTION_INSTALL,
    SFX_ACTION_INFO,
    SFX_ACTION_LIST,
    SFX_ACTION_VERIFY,
    SFX_ACTION_CHECK,
    SFX_ACTION_EXTRACT,
    SFX_ACTION_LICENSES,
    SFX_ACTION_TREE,                     /* for the builder: everything into DIRECTORY, rendered for AS */
    SFX_ACTION_HELP,
    SFX_ACTION_VERSION,
    SFX_ACTION_TOOL_INFO,                /* without an artifact: on the installation the program lies in */
    SFX_ACTION_TOOL_VERIFY,
    SFX_ACTION_TOOL_RELOCATE,
    SFX_ACTION_TOOL_RUN,
    SFX_ACTION_TOOL_UNINSTALL,
    SFX_ACTION_TOOL_HELP,
};

struct sfx_options {
    enum sfx_action action;
    const char *artifact;                /* NULL: tool */
    uint64_t at;
    const char *self;                    /* a temporary copy of this program to remove */
    const char *prefix;
    const char *log;
    const char *pattern;
    const char *directory;
    const char *as;
    const char *target;                  /* of relocate; NULL: where the installation lies */
    char *const *command;                /* of run, with its arguments; NULL ends */
    unsigned jobs;                       /* 0: by the machine */
    enum sfx_modes modes;
    uint32_t skipped;                    /* checks, bits 1 << enum sfx_check_name */
    bool batch;
    bool force;
    bool quiet;
    bool no_sync;
    bool break_lock;
    bool skip_hooks;
    bool accept_license;
    bool move;
    bool strict;
    bool json;
    bool purge;
    bool modify_rc;
};

enum sfx_error sfx_cli_parse(int count, char **arguments, struct sfx_options *ret_options, struct sfx_fault *fault);

#endif
