/* A function for each call of the system that can fail on request; see inject.c. */
#include "inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* ---- Files ---- */

int sfx_inject_openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    int fd = sfx_fault_refuses("openat") ? -1 : openat(directory, path, flags, mode);
    const char *access = flags & O_CREAT ? "create" : (flags & O_ACCMODE) == O_RDONLY ? "read" : "write";
    return (int)sfx_fault_note("openat", fd, "%d %s %s", directory, access, path);
}

int sfx_inject_open(const char *path, int flags, ...)
{
    return sfx_inject_openat(AT_FDCWD, path, flags);     /* never with O_CREAT */
}

/* A descriptor is gone in any case. */
int sfx_inject_close(int fd)
{
    bool refused = sfx_fault_refuses("close");
    int error = errno;
    int result = close(fd);
    if (refused) {
        errno = error;
        result = -1;
    }
    return (int)sfx_fault_note("close", result, "%d", fd);
}

/* How much of SIZE is done; -1: nothing. RET_DIES: and then no more. */
static ssize_t part(const char *call, size_t size, bool *ret_dies)
{
    enum verdict verdict = sfx_fault_ask(call, true);
    *ret_dies = verdict == HALF_AND_DIE;
    if (verdict == REFUSE)
        return -1;
    return (ssize_t)(verdict == PASS || size < 2 ? size : size / 2);
}

static ssize_t done(const char *call, ssize_t result, int fd, bool dies)
{
    if (dies)
        raise(SIGKILL);
    return sfx_fault_note(call, result, "%d", fd);
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
    return (int)sfx_fault_note("ftruncate", sfx_fault_refuses("ftruncate") ? -1 : ftruncate(fd, size), "%d", fd);
}

int sfx_inject_fsync(int fd)
{
    return (int)sfx_fault_note("fsync", sfx_fault_refuses("fsync") ? -1 : fsync(fd), "%d", fd);
}

void *sfx_inject_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    void *data = sfx_fault_refuses("mmap") ? MAP_FAILED : mmap(address, size, protection, flags, fd, offset);
    sfx_fault_note("mmap", data == MAP_FAILED ? -1 : 0, "%d", fd);
    return data;
}

int sfx_inject_futimens(int fd, const struct timespec times[2])
{
    return (int)sfx_fault_note("futimens", sfx_fault_refuses("futimens") ? -1 : futimens(fd, times), "%d", fd);
}

int sfx_inject_utimensat(int directory, const char *path, const struct timespec times[2], int flags)
{
    int result = sfx_fault_refuses("utimensat") ? -1 : utimensat(directory, path, times, flags);
    return (int)sfx_fault_note("utimensat", result, "%d %s", directory, path);
}

int sfx_inject_fchmod(int fd, mode_t mode)
{
    return (int)sfx_fault_note("fchmod", sfx_fault_refuses("fchmod") ? -1 : fchmod(fd, mode), "%d %o", fd, mode);
}

int sfx_inject_fchmodat(int directory, const char *path, mode_t mode, int flags)
{
    int result = sfx_fault_refuses("fchmodat") ? -1 : fchmodat(directory, path, mode, flags);
    return (int)sfx_fault_note("fchmodat", result, "%d %o %s", directory, mode, path);
}

int sfx_inject_fchown(int fd, uid_t owner, gid_t group)
{
    return (int)sfx_fault_note("fchown", sfx_fault_refuses("fchown") ? -1 : fchown(fd, owner, group), "%d", fd);
}

int sfx_inject_fstat(int fd, struct stat *found)
{
    return (int)sfx_fault_note("fstat", sfx_fault_refuses("fstat") ? -1 : fstat(fd, found), "%d", fd);
}

int sfx_inject_fstatat(int directory, const char *path, struct stat *found, int flags)
{
    int result = sfx_fault_refuses("fstatat") ? -1 : fstatat(directory, path, found, flags);
    return (int)sfx_fault_note("fstatat", result, "%d %s", directory, path);
}

int sfx_inject_statvfs(const char *path, struct statvfs *found)
{
    return (int)sfx_fault_note("statvfs", sfx_fault_refuses("statvfs") ? -1 : statvfs(path, found), "%s", path);
}

ssize_t sfx_inject_flistxattr(int fd, char *names, size_t size)
{
    return sfx_fault_note("flistxattr", sfx_fault_refuses("flistxattr") ? -1 : flistxattr(fd, names, size), "%d", fd);
}

ssize_t sfx_inject_fgetxattr(int fd, const char *name, void *value, size_t size)
{
    return sfx_fault_note("fgetxattr", sfx_fault_refuses("fgetxattr") ? -1 : fgetxattr(fd, name, value, size), "%d %s", fd, name);
}

int sfx_inject_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
    int result = sfx_fault_refuses("fsetxattr") ? -1 : fsetxattr(fd, name, value, size, flags);
    return (int)sfx_fault_note("fsetxattr", result, "%d %s", fd, name);
}

/* ---- Names ---- */

int sfx_inject_faccessat(int directory, const char *path, int mode, int flags)
{
    int result = sfx_fault_refuses("faccessat") ? -1 : faccessat(directory, path, mode, flags);
    return (int)sfx_fault_note("faccessat", result, "%d %s", directory, path);
}

int sfx_inject_mkdirat(int directory, const char *path, mode_t mode)
{
    return (int)sfx_fault_note("mkdirat", sfx_fault_refuses("mkdirat") ? -1 : mkdirat(directory, path, mode), "%d %s", directory, path);
}

int sfx_inject_symlinkat(const char *text, int directory, const char *path)
{
    return (int)sfx_fault_note("symlinkat", sfx_fault_refuses("symlinkat") ? -1 : symlinkat(text, directory, path), "%d %s", directory, path);
}

int sfx_inject_linkat(int from_directory, const char *from, int directory, const char *path, int flags)
{
    int result = sfx_fault_refuses("linkat") ? -1 : linkat(from_directory, from, directory, path, flags);
    return (int)sfx_fault_note("linkat", result, "%d %s %d %s", from_directory, from, directory, path);
}

ssize_t sfx_inject_readlinkat(int directory, const char *path, char *buffer, size_t size)
{
    ssize_t result = sfx_fault_refuses("readlinkat") ? -1 : readlinkat(directory, path, buffer, size);
    return sfx_fault_note("readlinkat", result, "%d %s", directory, path);
}

int sfx_inject_unlinkat(int directory, const char *path, int flags)
{
    return (int)sfx_fault_note("unlinkat", sfx_fault_refuses("unlinkat") ? -1 : unlinkat(directory, path, flags), "%d %s", directory, path);
}

int sfx_inject_renameat(int from_directory, const char *from, int directory, const char *path)
{
    int result = sfx_fault_refuses("renameat") ? -1 : renameat(from_directory, from, directory, path);
    return (int)sfx_fault_note("renameat", result, "%d %s %d %s", from_directory, from, directory, path);
}

DIR *sfx_inject_fdopendir(int fd)
{
    DIR *stream = sfx_fault_refuses("fdopendir") ? NULL : fdopendir(fd);
    sfx_fault_note("fdopendir", stream ? 0 : -1, "%d", fd);
    return stream;
}

struct dirent *sfx_inject_readdir(DIR *stream)
{
    struct dirent *item = sfx_fault_refuses("readdir") ? NULL : readdir(stream);
    sfx_fault_note("readdir", 0, "%s", item ? item->d_name : "");
    return item;
}

char *sfx_inject_realpath(const char *path, char *buffer)
{
    char *result = sfx_fault_refuses("realpath") ? NULL : realpath(path, buffer);
    sfx_fault_note("realpath", result ? 0 : -1, "%s", path);
    return result;
}

/* ---- Processes ---- */

int sfx_inject_pipe(int ends[2])
{
    return (int)sfx_fault_note("pipe", sfx_fault_refuses("pipe") ? -1 : pipe(ends), "%s", "");
}

int sfx_inject_posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *moves,
                           const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    int error = sfx_fault_refuses("posix_spawn") ? errno : posix_spawn(child, path, moves, attributes, arguments, environment);
    sfx_fault_note("posix_spawn", -error, "%s", path);
    return error;
}

int sfx_inject_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *context)
{
    int error = sfx_fault_refuses("pthread_create") ? errno : pthread_create(thread, attributes, start, context);
    sfx_fault_note("pthread_create", -error, "%s", "");
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
    long result = sfx_fault_refuses(call) ? -1 : syscall(number, values[0], values[1], values[2], values[3], values[4]);
    if (number == SYS_renameat2)
        return sfx_fault_note(call, result, "%d %s %d %s", (int)values[0], (const char *)values[1], (int)values[2], (const char *)values[3]);
    return sfx_fault_note(call, result, "%d", (int)values[0]);
}

/* ---- Not in the log ---- */

time_t sfx_inject_time(time_t *found)
{
    time_t now = sfx_fault_ask("time", false) == REFUSE ? 0 : time(NULL);
    if (found)
        *found = now;
    return now;
}

void *sfx_inject_malloc(size_t size)
{
    return sfx_fault_ask("memory", false) == REFUSE ? NULL : malloc(size);
}

void *sfx_inject_calloc(size_t count, size_t size)
{
    return sfx_fault_ask("memory", false) == REFUSE ? NULL : calloc(count, size);
}

void *sfx_inject_realloc(void *memory, size_t size)
{
    return sfx_fault_ask("memory", false) == REFUSE ? NULL : realloc(memory, size);
}
