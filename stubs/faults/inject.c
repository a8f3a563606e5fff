/* Calls of the system that fail on request.
 *
 * In the build for faults (builder.py) each call that has a function in calls.c, sfx_inject_CALL, is compiled as that: the files in
 * `src` are the same, and nothing in them knows of it. What shall happen stands in the environment:
 *
 *     SFXPACK_FAULTS=renameat:2:EIO,write:*:short,any:117:kill
 *
 * which call (or `any`), which one of it (a number, `N+` from the Nth on, `*` all), and what happens to it:
 *
 *     ENOSPC, ...  it fails; with EINTR and `*` every second one, as who is interrupted without end gets nowhere
 *     short        it reads or writes half of what it should, at least a byte
 *     torn         it writes half, then the process is killed
 *     kill         the process is killed right before it
 *     stop         the process stops right before it (SIGSTOP): whoever waits for that changes the world and lets it go on
 *     1970         of `time`: the clock stands at its beginning
 *
 * SFXPACK_FAULTS_LOG=FILE gets a line for each call when it has returned: name, result or -errno, arguments. So with one
 * thread the number of a line is the number of the call that `any` counts. `time`, `malloc`, `calloc` and `realloc` (together
 * `memory`) are not in the log and no part of `any`. */
#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FAULTS 16
#define MAX_CALLS 64
#define LOG_DESCRIPTOR 500               /* out of the way: numbers in the log are those of a run without it */

enum action { FAIL, SHORTEN, TEAR, KILL, STOP, EPOCH };

struct fault {
    char call[24];
    long first;
    bool later;                          /* and all that follow */
    enum action action;
    int error;
};

static struct {
    struct fault faults[MAX_FAULTS];
    size_t count;
    int log;
    atomic_long any;
    struct {
        const char *_Atomic name;
        atomic_long count;
    } calls[MAX_CALLS];
} state = {.log = -1};

/* ---- What is asked for ---- */

static const struct {
    const char *name;
    enum action action;
    int error;
} actions[] = {
    {"short", SHORTEN, 0}, {"torn", TEAR, 0},         {"kill", KILL, 0},          {"stop", STOP, 0},
    {"1970", EPOCH, 0},    {"EIO", FAIL, EIO},        {"ENOSPC", FAIL, ENOSPC},   {"EDQUOT", FAIL, EDQUOT},
    {"EINTR", FAIL, EINTR}, {"EMFILE", FAIL, EMFILE}, {"EACCES", FAIL, EACCES},   {"EPERM", FAIL, EPERM},
    {"EROFS", FAIL, EROFS}, {"ENOSYS", FAIL, ENOSYS}, {"EINVAL", FAIL, EINVAL},   {"EXDEV", FAIL, EXDEV},
    {"EMLINK", FAIL, EMLINK}, {"ENOMEM", FAIL, ENOMEM}, {"EAGAIN", FAIL, EAGAIN}, {"ENOTSUP", FAIL, ENOTSUP},
};

static void die(const char *what, const char *which)
{
    dprintf(2, "SFXPACK_FAULTS: %s: %s\n", what, which);
    _exit(99);
}

static void parse(char *text)
{
    struct fault *fault = &state.faults[state.count++];
    char *save;
    const char *call = strtok_r(text, ":", &save);
    char *which = strtok_r(NULL, ":", &save);
    const char *action = strtok_r(NULL, ":", &save);
    if (!call || !which || !action || strlen(call) >= sizeof fault->call)
        die("CALL:WHICH:ACTION expected", text);
    strcpy(fault->call, call);
    fault->later = strcmp(which, "*") == 0 || strchr(which, '+');
    fault->first = *which == '*' ? 1 : strtol(which, NULL, 10);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].name, action) == 0) {
            fault->action = actions[i].action;
            fault->error = actions[i].error;
            return;
        }
    die("no such action", action);
}

__attribute__((constructor)) static void prepare(void)
{
    const char *wanted = getenv("SFXPACK_FAULTS");
    const char *log = getenv("SFXPACK_FAULTS_LOG");
    char *save;
    static char copy[1024];
    if (wanted)
        snprintf(copy, sizeof copy, "%s", wanted);
    char *parts[MAX_FAULTS];
    size_t count = 0;
    for (char *part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
        if (count == MAX_FAULTS)
            die("too many", wanted);
        parts[count++] = part;
    }
    for (size_t i = 0; i < count; i++)
        parse(parts[i]);
    int fd = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    if (log && fd < 0)
        die("cannot write the log", log);
    if (fd >= 0) {
        state.log = fcntl(fd, F_DUPFD_CLOEXEC, LOG_DESCRIPTOR);
        close(fd);
    }
}

/* ---- A call ---- */

static long count_of(const char *call)
{
    for (size_t i = 0; i < MAX_CALLS; i++) {
        const char *none = NULL;
        if (atomic_compare_exchange_strong(&state.calls[i].name, &none, call) || strcmp(none, call) == 0)
            return ++state.calls[i].count;
    }
    die("too many kinds of calls", call);
    return 0;
}

/* Whether no signal can come between. */
static bool is_atomic(const char *call)
{
    static const char *const calls[] = {"mmap", "fdopendir", "pipe", "posix_spawn", "pthread_create"};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i], call) == 0)
            return true;
    return false;
}

static bool applies(const struct fault *fault, const char *call, long number, long any)
{
    long at = strcmp(fault->call, "any") == 0 ? any : strcmp(fault->call, call) == 0 ? number : 0;
    bool interrupts = fault->action == FAIL && fault->error == EINTR && fault->later;
    if (interrupts && is_atomic(call))
        return false;
    return at > 0 && (fault->later ? at >= fault->first : at == fault->first) && !(interrupts && (at - fault->first) % 2);
}

enum verdict sfx_fault_ask(const char *call, bool is_any)
{
    long number = count_of(call);
    long any = is_any ? ++state.any : 0;
    for (size_t i = 0; i < state.count; i++) {
        const struct fault *fault = &state.faults[i];
        if (!applies(fault, call, number, any))
            continue;
        switch (fault->action) {
        case SHORTEN: return HALF;
        case TEAR: return HALF_AND_DIE;
        case KILL: raise(SIGKILL); break;
        case STOP: raise(SIGSTOP); return PASS;
        case EPOCH: return REFUSE;
        case FAIL: errno = fault->error; return REFUSE;
        }
    }
    return PASS;
}

bool sfx_fault_refuses(const char *call)
{
    switch (sfx_fault_ask(call, true)) {
    case REFUSE: return true;
    case HALF_AND_DIE: raise(SIGKILL); break;
    case PASS:
    case HALF: break;
    }
    return false;
}

long sfx_fault_note(const char *call, long result, const char *format, ...)
{
    int error = errno;
    char line[4352];
    if (state.log >= 0) {
        int size = snprintf(line, sizeof line, "%s %ld ", call, result < 0 ? -(long)error : result);
        va_list arguments;
        va_start(arguments, format);
        size += vsnprintf(line + size, sizeof line - (size_t)size - 1, format, arguments);
        va_end(arguments);
        if (size > (int)sizeof line - 2)
            size = (int)sizeof line - 2;
        line[size++] = '\n';
        if (write(state.log, line, (size_t)size) != size)
            die("cannot write the log", call);
    }
    errno = error;
    return result;
}
