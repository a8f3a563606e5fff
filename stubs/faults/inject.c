/* Calls of the system that fail on request.
 *
 * In the build for faults (builder.py) each call that has a function here, sfx_inject_CALL, is compiled as that: the files in
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
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>


#define MAX_FAULTS 16
#define MAX_CALLS 64
#define LOG_DESCRIPTOR 500               /* out of the way: numbers in the log are those of a run without it */

enum action { FAIL, SHORTEN, TEAR, KILL, STOP, EPOCH };
enum verdict { PASS, REFUSE, HALF, HALF_AND_DIE };

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

/* What happens to the next call of that name; errno is set if it fails. ANY: it is one of those that `any` counts. */
static enum verdict ask(const char *call, bool is_any)
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

static bool is_refused(const char *call)
{
    switch (ask(call, true)) {
    case REFUSE: return true;
    case HALF_AND_DIE: raise(SIGKILL); break;
    case PASS:
    case HALF: break;
    }
    return false;
}

/* Into the log; gives RESULT and leaves errno. */
static long note(const char *call, long result, const char *format, ...) __attribute__((format(printf, 3, 4)));
static long note(const char *call, long result, const char *format, ...)
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

/* ---- Files ---- */

int sfx_inject_openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    int fd = is_refused("openat") ? -1 : openat(directory, path, flags, mode);
    const char *access = flags & O_CREAT ? "create" : (flags & O_ACCMODE) == O_RDONLY ? "read" : "write";
    return (int)note("openat", fd, "%d %s %s", directory, access, path);
}

int sfx_inject_open(const char *path, int flags, ...)
{
    return sfx_inject_openat(AT_FDCWD, path, flags);     /* never with O_CREAT */
}

/* A descriptor is gone in any case. */
int sfx_inject_close(int fd)
{
    bool refused = is_refused("close");
    int error = errno;
    int result = close(fd);
    if (refused) {
        errno = error;
        result = -1;
    }
    return (int)note("close", result, "%d", fd);
}

/* How much of SIZE is done; -1: nothing. RET_DIES: and then no more. */
static ssize_t part(const char *call, size_t size, bool *ret_dies)
{
    enum verdict verdict = ask(call, true);
    *ret_dies = verdict == HALF_AND_DIE;
    if (verdict == REFUSE)
        return -1;
    return (ssize_t)(verdict == PASS || size < 2 ? size : size / 2);
}

static ssize_t done(const char *call, ssize_t result, int fd, bool dies)
{
    if (dies)
        raise(SIGKILL);
    return note(call, result, "%d", fd);
}

ssize_t sfx_inject_read(int fd, void *buffer, size_t size)
{
    bool dies;
    ssize_t count = part("read", size, &dies);
    return done("read", count < 0 ? -1 : read(fd, buffer, (size_t)count), fd, dies);
}

ssize_t sfx_inject_pread(int fd, void *buffer, size_t size, off_t offset)
{
    bool dies;
    ssize_t count = part("pread", size, &dies);
    return done("pread", count < 0 ? -1 : pread(fd, buffer, (size_t)count, offset), fd, dies);
}

ssize_t sfx_inject_write(int fd, const void *data, size_t size)
{
    bool dies;
    ssize_t count = part("write", size, &dies);
    return done("write", count < 0 ? -1 : write(fd, data, (size_t)count), fd, dies);
}

ssize_t sfx_inject_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    bool dies;
    ssize_t count = part("pwrite", size, &dies);
    return done("pwrite", count < 0 ? -1 : pwrite(fd, data, (size_t)count, offset), fd, dies);
}

/* Half of a vector: the first segments of it, or half of the only one. */
static ssize_t put(const char *call, int fd, const struct iovec *vector, int count, off_t offset)
{
    bool dies;
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += vector[i].iov_len;
    ssize_t wanted = part(call, size, &dies);
    ssize_t result = -1;
    if (wanted >= 0 && (size_t)wanted < size)
        result = offset < 0 ? write(fd, vector[0].iov_base, (vector[0].iov_len + 1) / 2)
                            : pwrite(fd, vector[0].iov_base, (vector[0].iov_len + 1) / 2, offset);
    else if (wanted >= 0)
        result = offset < 0 ? writev(fd, vector, count) : pwritev(fd, vector, count, offset);
    return done(call, result, fd, dies);
}

ssize_t sfx_inject_writev(int fd, const struct iovec *vector, int count)
{
    return put("writev", fd, vector, count, -1);
}

ssize_t sfx_inject_pwritev(int fd, const struct iovec *vector, int count, off_t offset)
{
    return put("pwritev", fd, vector, count, offset);
}

int sfx_inject_ftruncate(int fd, off_t size)
{
    return (int)note("ftruncate", is_refused("ftruncate") ? -1 : ftruncate(fd, size), "%d", fd);
}

int sfx_inject_fsync(int fd)
{
    return (int)note("fsync", is_refused("fsync") ? -1 : fsync(fd), "%d", fd);
}

void *sfx_inject_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    void *data = is_refused("mmap") ? MAP_FAILED : mmap(address, size, protection, flags, fd, offset);
    note("mmap", data == MAP_FAILED ? -1 : 0, "%d", fd);
    return data;
}

int sfx_inject_futimens(int fd, const struct timespec times[2])
{
    return (int)note("futimens", is_refused("futimens") ? -1 : futimens(fd, times), "%d", fd);
}

int sfx_inject_utimensat(int directory, const char *path, const struct timespec times[2], int flags)
{
    int result = is_refused("utimensat") ? -1 : utimensat(directory, path, times, flags);
    return (int)note("utimensat", result, "%d %s", directory, path);
}

int sfx_inject_fchmod(int fd, mode_t mode)
{
    return (int)note("fchmod", is_refused("fchmod") ? -1 : fchmod(fd, mode), "%d %o", fd, mode);
}

int sfx_inject_fchmodat(int directory, const char *path, mode_t mode, int flags)
{
    int result = is_refused("fchmodat") ? -1 : fchmodat(directory, path, mode, flags);
    return (int)note("fchmodat", result, "%d %o %s", directory, mode, path);
}

int sfx_inject_fchown(int fd, uid_t owner, gid_t group)
{
    return (int)note("fchown", is_refused("fchown") ? -1 : fchown(fd, owner, group), "%d", fd);
}

int sfx_inject_fstat(int fd, struct stat *found)
{
    return (int)note("fstat", is_refused("fstat") ? -1 : fstat(fd, found), "%d", fd);
}

int sfx_inject_fstatat(int directory, const char *path, struct stat *found, int flags)
{
    int result = is_refused("fstatat") ? -1 : fstatat(directory, path, found, flags);
    return (int)note("fstatat", result, "%d %s", directory, path);
}

int sfx_inject_statvfs(const char *path, struct statvfs *found)
{
    return (int)note("statvfs", is_refused("statvfs") ? -1 : statvfs(path, found), "%s", path);
}

ssize_t sfx_inject_flistxattr(int fd, char *names, size_t size)
{
    return note("flistxattr", is_refused("flistxattr") ? -1 : flistxattr(fd, names, size), "%d", fd);
}

ssize_t sfx_inject_fgetxattr(int fd, const char *name, void *value, size_t size)
{
    return note("fgetxattr", is_refused("fgetxattr") ? -1 : fgetxattr(fd, name, value, size), "%d %s", fd, name);
}

int sfx_inject_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
    int result = is_refused("fsetxattr") ? -1 : fsetxattr(fd, name, value, size, flags);
    return (int)note("fsetxattr", result, "%d %s", fd, name);
}

/* ---- Names ---- */

int sfx_inject_faccessat(int directory, const char *path, int mode, int flags)
{
    int result = is_refused("faccessat") ? -1 : faccessat(directory, path, mode, flags);
    return (int)note("faccessat", result, "%d %s", directory, path);
}

int sfx_inject_mkdirat(int directory, const char *path, mode_t mode)
{
    return (int)note("mkdirat", is_refused("mkdirat") ? -1 : mkdirat(directory, path, mode), "%d %s", directory, path);
}

int sfx_inject_symlinkat(const char *text, int directory, const char *path)
{
    return (int)note("symlinkat", is_refused("symlinkat") ? -1 : symlinkat(text, directory, path), "%d %s", directory, path);
}

int sfx_inject_linkat(int from_directory, const char *from, int directory, const char *path, int flags)
{
    int result = is_refused("linkat") ? -1 : linkat(from_directory, from, directory, path, flags);
    return (int)note("linkat", result, "%d %s %d %s", from_directory, from, directory, path);
}

ssize_t sfx_inject_readlinkat(int directory, const char *path, char *buffer, size_t size)
{
    ssize_t result = is_refused("readlinkat") ? -1 : readlinkat(directory, path, buffer, size);
    return note("readlinkat", result, "%d %s", directory, path);
}

int sfx_inject_unlinkat(int directory, const char *path, int flags)
{
    return (int)note("unlinkat", is_refused("unlinkat") ? -1 : unlinkat(directory, path, flags), "%d %s", directory, path);
}

int sfx_inject_renameat(int from_directory, const char *from, int directory, const char *path)
{
    int result = is_refused("renameat") ? -1 : renameat(from_directory, from, directory, path);
    return (int)note("renameat", result, "%d %s %d %s", from_directory, from, directory, path);
}

DIR *sfx_inject_fdopendir(int fd)
{
    DIR *stream = is_refused("fdopendir") ? NULL : fdopendir(fd);
    note("fdopendir", stream ? 0 : -1, "%d", fd);
    return stream;
}

struct dirent *sfx_inject_readdir(DIR *stream)
{
    struct dirent *item = is_refused("readdir") ? NULL : readdir(stream);
    note("readdir", 0, "%s", item ? item->d_name : "");
    return item;
}

char *sfx_inject_realpath(const char *path, char *buffer)
{
    char *result = is_refused("realpath") ? NULL : realpath(path, buffer);
    note("realpath", result ? 0 : -1, "%s", path);
    return result;
}

/* ---- Processes ---- */

int sfx_inject_pipe(int ends[2])
{
    return (int)note("pipe", is_refused("pipe") ? -1 : pipe(ends), "%s", "");
}

int sfx_inject_posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *moves,
                           const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    int error = is_refused("posix_spawn") ? errno : posix_spawn(child, path, moves, attributes, arguments, environment);
    note("posix_spawn", -error, "%s", path);
    return error;
}

int sfx_inject_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *context)
{
    int error = is_refused("pthread_create") ? errno : pthread_create(thread, attributes, start, context);
    note("pthread_create", -error, "%s", "");
    return error;
}

static const char *name_of(long number)
{
    return number == SYS_renameat2 ? "renameat2" : number == SYS_syncfs ? "syncfs" : number == SYS_statx ? "statx" : "syscall";
}

long sfx_inject_syscall(long number, ...)
{
    long values[5];
    va_list arguments;
    va_start(arguments, number);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = va_arg(arguments, long);
    va_end(arguments);
    const char *call = name_of(number);
    long result = is_refused(call) ? -1 : syscall(number, values[0], values[1], values[2], values[3], values[4]);
    if (number == SYS_renameat2)
        return note(call, result, "%d %s %d %s", (int)values[0], (const char *)values[1], (int)values[2], (const char *)values[3]);
    return note(call, result, "%d", (int)values[0]);
}

/* ---- Not in the log ---- */

time_t sfx_inject_time(time_t *found)
{
    time_t now = ask("time", false) == REFUSE ? 0 : time(NULL);
    if (found)
        *found = now;
    return now;
}

void *sfx_inject_malloc(size_t size)
{
    return ask("memory", false) == REFUSE ? NULL : malloc(size);
}

void *sfx_inject_calloc(size_t count, size_t size)
{
    return ask("memory", false) == REFUSE ? NULL : calloc(count, size);
}

void *sfx_inject_realloc(void *memory, size_t size)
{
    return ask("memory", false) == REFUSE ? NULL : realloc(memory, size);
}
