/* Running a program on POSIX systems; see os.h. */
#include "os_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "text.h"

#define TICK_MILLISECONDS 100            /* a signal, or an end that nothing else tells, is seen after it */
#define LAST_PARTS 32u                   /* more than a pipe holds: what is read after the end, though others may go on writing */

extern char **environ;

struct child {
    pid_t id;
    bool leads;                          /* a process group of its own */
    int outputs[2];                      /* of its standard output and error; -1: closed */
};

static bool is_replaced(const char *entry, const char *const *variables)
{
    size_t size = strcspn(entry, "=") + 1;
    for (const char *const *at = variables; *at; at++)
        if (strncmp(entry, *at, size) == 0)
            return true;
    return false;
}

/* The environment with VARIABLES; malloced, the strings are not. */
static char **join(const char *const *variables)
{
    size_t count = 1;
    for (char **at = environ; *at; at++)
        count++;
    for (const char *const *at = variables; *at; at++)
        count++;
    char **joined = calloc(count, sizeof *joined);
    char **next = joined;
    for (char **at = environ; joined && *at; at++)
        if (!is_replaced(*at, variables))
            *next++ = *at;
    for (const char *const *at = variables; joined && *at; at++)
        *next++ = (char *)(uintptr_t)*at;
    return joined;
}

static int set_actions(const struct sfx_os_command *command, const int outputs[2], posix_spawn_file_actions_t *actions)
{
    int error = 0;
    if (!command->reads)
        error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    for (int i = 0; !error && i < 2; i++)
        error = posix_spawn_file_actions_adddup2(actions, outputs[i], i + 1);
    if (!error && command->folder)
        error = posix_spawn_file_actions_addchdir_np(actions, command->folder);
    return error;
}

/* Signals as the caller had them. A group of its own where there is no terminal: then a signal that is passed on reaches what
 * the program has started, too; with one the terminal does that, and only its own group may read it. */
static int set_attributes(bool leads, posix_spawnattr_t *attributes)
{
    sigset_t defaults = sfx_posix_defaults();
    short flags = POSIX_SPAWN_SETSIGDEF;
    int error = posix_spawnattr_setsigdefault(attributes, &defaults);
    if (!error && leads) {
        flags |= POSIX_SPAWN_SETPGROUP;
        error = posix_spawnattr_setpgroup(attributes, 0);
    }
    return error ? error : posix_spawnattr_setflags(attributes, flags);
}

static int spawn(const struct sfx_os_command *command, const int outputs[2], struct child *child)
{
    static const char *const none[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **variables = join(command->variables ? command->variables : none);
    if (!variables)
        return ENOMEM;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int error = set_actions(command, outputs, &actions);
    if (!error)
        error = set_attributes(child->leads, &attributes);
    if (!error) {
        mode_t own = umask(command->as_caller ? sfx_posix_umask() : S_IWGRP | S_IWOTH);   /* ours is 0, which no program expects */
        error = posix_spawn(&child->id, command->arguments[0], &actions, &attributes,
                            (char *const *)(uintptr_t)command->arguments, variables);
        umask(own);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(variables);
    return error;
}

/* One part of what it wrote, if there is any. */
static void take(const struct sfx_os_command *command, struct child *child, int which)
{
    char buffer[4096];
    ssize_t got = read(child->outputs[which], buffer, sizeof buffer);
    if (got > 0) {
        command->sink(command->context, which == 1, buffer, (size_t)got);
    } else if (got == 0 || errno != EINTR) {
        close(child->outputs[which]);
        child->outputs[which] = -1;
    }
}

/* Until it has ended, and all that it wrote until then is taken. */
static int attend(const struct sfx_os_command *command, struct child *child)
{
    int status = 0;
    int passed = 0;
    bool ended = false;
    unsigned left = LAST_PARTS;
    for (;;) {
        ended = ended || waitpid(child->id, &status, WNOHANG) == child->id;
        if (!ended && sfx_os_interrupted() != passed) {
            passed = sfx_os_interrupted();
            kill(child->leads ? -child->id : child->id, passed);
        }
        struct pollfd ends[2] = {{child->outputs[0], POLLIN, 0}, {child->outputs[1], POLLIN, 0}};
        bool silent = ends[0].fd < 0 && ends[1].fd < 0;
        int ready = poll(ends, 2, ended ? 0 : silent ? TICK_MILLISECONDS / 10 : TICK_MILLISECONDS);
        for (int i = 0; ready > 0 && i < 2; i++)
            if (ends[i].revents)
                take(command, child, i);
        if (!ended || (ready > 0 && left-- > 0))
            continue;
        if (passed && child->leads)
            kill(-child->id, SIGTERM);   /* what it has started in the background: shells make that deaf to SIGINT */
        return status;
    }
}

int sfx_os_run(const struct sfx_os_command *command, int *ret_status)
{
    struct child child = {.leads = !command->reads && !isatty(2), .outputs = {-1, -1}};
    int inputs[2] = {-1, -1};
    int error = 0;
    for (int i = 0; !error && i < 2; i++) {
        int ends[2];
        error = pipe(ends) == 0 ? 0 : errno;
        if (error)
            break;
        child.outputs[i] = ends[0];
        inputs[i] = ends[1];
        fcntl(ends[0], F_SETFD, FD_CLOEXEC);
        fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    }
    if (!error)
        error = spawn(command, inputs, &child);
    for (int i = 0; i < 2; i++)
        sfx_os_closep(&inputs[i]);
    if (!error) {
        int status = attend(command, &child);
        *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    for (int i = 0; i < 2; i++)
        sfx_os_closep(&child.outputs[i]);
    return error;
}

/* Scripts may write; the output is the command's alone. */
#define ACTIVATE ". \"$0/bin/activate\" >&2 && exec \"$@\""
#define FIND "PATH=$0/bin${PATH:+:$PATH} && export PATH && exec \"$@\""

int sfx_os_become(const char *prefix, char *const *command)
{
    static const char *const begin[] = {"/bin/sh", "-c"};
    struct stat found;
    SFX_CLEAN_STRING char *script = sfx_print("%s/bin/activate", prefix);
    size_t count = 0;
    while (command[count])
        count++;
    const char **arguments = calloc(count + 5, sizeof *arguments);
    if (!script || !arguments) {
        free(arguments);
        return ENOMEM;
    }
    bool activates = stat(script, &found) == 0;
    script[strlen(prefix) + 4] = '\0';
    int error = activates || stat(script, &found) == 0 ? 0 : ENOTDIR;
    memcpy(arguments, begin, sizeof begin);
    arguments[2] = activates ? ACTIVATE : FIND;
    arguments[3] = prefix;
    memcpy(arguments + 4, command, count * sizeof *command);
    if (!error) {
        const struct sigaction usual = {.sa_handler = SIG_DFL};
        sigset_t defaults = sfx_posix_defaults();
        for (int number = 1; number < NSIG; number++)
            if (sigismember(&defaults, number) == 1)
                sigaction(number, &usual, NULL);
        umask(sfx_posix_umask());
        execve(arguments[0], (char *const *)(uintptr_t)arguments, environ);
        error = errno;
    }
    free(arguments);
    return error;
}

int sfx_os_signal_of(int status)
{
    return status > 128 ? status - 128 : 0;
}

int sfx_os_interpreter(const char *name, struct sfx_os_interpreter *ret_interpreter)
{
    (void)name;
    (void)ret_interpreter;
    return ENOENT;
}

int sfx_os_page(const char *command, const void *data, size_t size, int *ret_status)
{
    mode_t own = umask(sfx_posix_umask());
    FILE *pager = popen(command, "w");
    umask(own);
    if (!pager)
        return errno;
    fwrite(data, 1, size, pager);        /* who has read enough closes it */
    int status = pclose(pager);
    *ret_status = status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    return 0;
}
