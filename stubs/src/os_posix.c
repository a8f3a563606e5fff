/* Files and names on POSIX systems; see os.h. Process and machine are in os_posix_machine.c. */
#include "os_posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#define SEGMENTS_AT_ONCE 64

static int at(int directory)
{
    return directory == SFX_OS_HERE ? AT_FDCWD : directory;
}

static int open_again(int directory, const char *path, int flags, mode_t mode, int *ret_fd)
{
    *ret_fd = SFX_AGAIN(openat(at(directory), path, flags | O_CLOEXEC, mode));
    return *ret_fd < 0 ? errno : 0;
}

enum sfx_error sfx_os_open_read(const char *path, int *ret_fd, struct sfx_fault *fault)
{
    int error = open_again(SFX_OS_HERE, path, O_RDONLY | O_NOCTTY, 0, ret_fd);
    return error ? sfx_fail_os(fault, error, "cannot open %s", path) : SFX_OK;
}

void sfx_os_path(int fd, char ret_path[SFX_MAX_PATH + 1])
{
    static const char unknown[] = "a file";
#ifdef __APPLE__
    if (fcntl(fd, F_GETPATH, ret_path) == 0)
        return;
#else
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(link, ret_path, SFX_MAX_PATH);
    if (got > 0) {
        ret_path[got] = '\0';
        return;
    }
#endif
    memcpy(ret_path, unknown, sizeof unknown);
}

static enum sfx_error fail_read(struct sfx_fault *fault, int error, int fd, uint64_t offset)
{
    char path[SFX_MAX_PATH + 1];
    sfx_os_path(fd, path);
    return sfx_fail_os(fault, error, "cannot read %s at offset %llu", path, (unsigned long long)offset);
}

static enum sfx_error fail_short(struct sfx_fault *fault, int fd, uint64_t offset)
{
    char path[SFX_MAX_PATH + 1];
    sfx_os_path(fd, path);
    return sfx_fail(fault, SFX_ERROR_IO, "%s ended at offset %llu while it was read", path, (unsigned long long)offset);
}

enum sfx_error sfx_os_size(int fd, uint64_t *ret_size, struct sfx_fault *fault)
{
    struct stat found;
    if (SFX_AGAIN(fstat(fd, &found)) < 0)
        return fail_read(fault, errno, fd, 0);
    if (!S_ISREG(found.st_mode)) {
        char path[SFX_MAX_PATH + 1];
        sfx_os_path(fd, path);
        return sfx_fail(fault, SFX_ERROR_IO, "%s is no regular file; save it as a file first", path);
    }
    *ret_size = (uint64_t)found.st_size;
    return SFX_OK;
}

enum sfx_error sfx_os_pread(int fd, void *buffer, size_t size, uint64_t offset, struct sfx_fault *fault)
{
    uint8_t *next = buffer;
    while (size > 0) {
        ssize_t got = SFX_AGAIN(pread(fd, next, size, (off_t)offset));
        if (got < 0)
            return fail_read(fault, errno, fd, offset);
        if (got == 0)
            return fail_short(fault, fd, offset);
        next += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return SFX_OK;
}

int sfx_os_open(int directory, const char *path, enum sfx_os_access access, int *ret_fd)
{
    switch (access) {
    case SFX_OS_READ: return open_again(directory, path, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0, ret_fd);
    case SFX_OS_WRITE: return open_again(directory, path, O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0, ret_fd);
    case SFX_OS_ADD: return open_again(directory, path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0, ret_fd);
    case SFX_OS_DIRECTORY: return open_again(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, ret_fd);
    case SFX_OS_DIRECTORY_FOLLOW: return open_again(directory, path, O_RDONLY | O_DIRECTORY, 0, ret_fd);
    }
    return EINVAL;
}

int sfx_os_create(int directory, const char *path, uint32_t mode, int *ret_fd)
{
    return open_again(directory, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, (mode_t)mode, ret_fd);
}

/* The descriptor is gone after close, also with EINTR (Linux). */
int sfx_os_close(int fd)
{
    return close(fd) < 0 && errno != EINTR ? errno : 0;
}

void sfx_os_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int sfx_os_read(int fd, void *buffer, size_t size, size_t *ret_size)
{
    uint8_t *next = buffer;
    ssize_t got = 1;
    while (got > 0 && size > 0) {
        got = SFX_AGAIN(read(fd, next, size));
        if (got > 0) {
            next += got;
            size -= (size_t)got;
        }
    }
    *ret_size = (size_t)(next - (uint8_t *)buffer);
    return got < 0 ? errno : 0;
}

int sfx_os_write(int fd, const void *data, size_t size)
{
    struct sfx_segment segment = {data, size};
    return sfx_os_write_segments(fd, &segment, 1, SFX_OS_APPEND);
}

static ssize_t write_some(int fd, const struct iovec *vector, int count, uint64_t offset)
{
    if (offset == SFX_OS_APPEND)
        return count == 1 ? write(fd, vector[0].iov_base, vector[0].iov_len) : writev(fd, vector, count);
    if (count == 1)
        return pwrite(fd, vector[0].iov_base, vector[0].iov_len, (off_t)offset);
#ifdef __APPLE__                         /* pwritev only from macOS 11 on */
    return pwrite(fd, vector[0].iov_base, vector[0].iov_len, (off_t)offset);
#else
    return pwritev(fd, vector, count, (off_t)offset);
#endif
}

/* One step: what is left of the first segments, from DONE bytes into the first one on. */
static ssize_t write_step(int fd, const struct sfx_segment *segments, size_t count, size_t done, uint64_t offset)
{
    struct iovec vector[SEGMENTS_AT_ONCE];
    int used = 0;
    for (size_t i = 0; i < count && used < SEGMENTS_AT_ONCE; i++) {
        size_t skip = i == 0 ? done : 0;
        if (segments[i].size == skip)
            continue;
        vector[used].iov_base = (void *)(uintptr_t)(segments[i].data + skip);
        vector[used].iov_len = segments[i].size - skip;
        used++;
    }
    return used ? write_some(fd, vector, used, offset) : 0;
}

int sfx_os_write_segments(int fd, const struct sfx_segment *segments, size_t count, uint64_t offset)
{
    size_t first = 0;
    size_t done = 0;
    for (;;) {
        while (first < count && segments[first].size == done) {
            first++;
            done = 0;
        }
        if (first == count)
            return 0;
        ssize_t put = SFX_AGAIN(write_step(fd, segments + first, count - first, done, offset));
        if (put < 0)
            return errno;
        if (put == 0)
            return EIO;
        if (offset != SFX_OS_APPEND)
            offset += (uint64_t)put;
        size_t left = (size_t)put;
        while (left > 0 && left >= segments[first].size - done) {
            left -= segments[first].size - done;
            first++;
            done = 0;
        }
        done += left;
    }
}

int sfx_os_truncate(int fd, uint64_t size)
{
    return SFX_STATUS(ftruncate(fd, (off_t)size));
}

int sfx_os_map(int fd, uint64_t size, const uint8_t **ret_data)
{
    if (size > SIZE_MAX)
        return EFBIG;
    void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    *ret_data = data;
    return data == MAP_FAILED ? errno : 0;
}

void sfx_os_unmap(const uint8_t *data, uint64_t size)
{
    munmap((void *)(uintptr_t)data, (size_t)size);
}

void sfx_os_drop(const uint8_t *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = ((uintptr_t)data + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)data + size) / page * page;
    if (end > start)
        madvise((void *)start, end - start, MADV_DONTNEED);
}

static void fill_times(struct timespec times[2], uint64_t mtime)
{
    times[0] = (struct timespec){(time_t)mtime, 0};
    times[1] = times[0];
}

int sfx_os_set_time(int fd, uint64_t mtime)
{
    struct timespec times[2];
    fill_times(times, mtime);
    return SFX_STATUS(futimens(fd, times));
}

int sfx_os_set_time_at(int directory, const char *path, uint64_t mtime)
{
    struct timespec times[2];
    fill_times(times, mtime);
    return SFX_STATUS(utimensat(at(directory), path, times, AT_SYMLINK_NOFOLLOW));
}

bool sfx_os_has_modes(void)
{
    return true;
}

int sfx_os_set_mode(int fd, uint32_t mode)
{
    return SFX_STATUS(fchmod(fd, (mode_t)mode));
}

int sfx_os_set_mode_at(int directory, const char *path, uint32_t mode)
{
    return SFX_STATUS(fchmodat(at(directory), path, (mode_t)mode, 0));
}

static void fill_stat(const struct stat *found, struct sfx_os_stat *ret_stat)
{
    ret_stat->kind = S_ISREG(found->st_mode)   ? SFX_OS_FILE
                     : S_ISDIR(found->st_mode) ? SFX_OS_FOLDER
                     : S_ISLNK(found->st_mode) ? SFX_OS_LINK
                                               : SFX_OS_OTHER;
    ret_stat->mode = (uint32_t)found->st_mode & 07777;
    ret_stat->size = (uint64_t)found->st_size;
    ret_stat->mtime = found->st_mtime < 0 ? 0 : (uint64_t)found->st_mtime;
    ret_stat->device = (uint64_t)found->st_dev;
    ret_stat->inode = (uint64_t)found->st_ino;
    ret_stat->links = (uint64_t)found->st_nlink;
    ret_stat->is_anothers = found->st_uid != geteuid() && found->st_uid != 0;
}

int sfx_os_stat(int directory, const char *path, struct sfx_os_stat *ret_stat)
{
    struct stat found;
    if (SFX_AGAIN(fstatat(at(directory), path, &found, AT_SYMLINK_NOFOLLOW)) < 0)
        return errno;
    fill_stat(&found, ret_stat);
    return 0;
}

int sfx_os_stat_fd(int fd, struct sfx_os_stat *ret_stat)
{
    struct stat found;
    if (SFX_AGAIN(fstat(fd, &found)) < 0)
        return errno;
    fill_stat(&found, ret_stat);
    return 0;
}

int sfx_os_make_directory(int directory, const char *path, uint32_t mode)
{
    return SFX_STATUS(mkdirat(at(directory), path, (mode_t)mode));
}

bool sfx_os_may_link(void)
{
    return true;
}

bool sfx_os_is_link(const char *text, int directory, const char *root, const char *path)
{
    char *found = NULL;
    (void)root;
    bool same = sfx_os_read_link(directory, path, &found) == 0 && strcmp(found, text) == 0;
    free(found);
    return same;
}

int sfx_os_make_link(const char *text, int directory, const char *root, const char *path)
{
    (void)root;
    return SFX_STATUS(symlinkat(text, at(directory), path));
}

int sfx_os_hard_link(int from_directory, const char *from, int directory, const char *path)
{
    return SFX_STATUS(linkat(at(from_directory), from, at(directory), path, 0));
}

int sfx_os_read_link(int directory, const char *path, char **ret_text)
{
    for (size_t size = 256; size <= (1u << 20); size *= 2) {
        char *text = malloc(size);
        if (!text)
            return ENOMEM;
        ssize_t got = SFX_AGAIN(readlinkat(at(directory), path, text, size));
        if (got >= 0 && (size_t)got < size) {
            text[got] = '\0';
            *ret_text = text;
            return 0;
        }
        int error = got < 0 ? errno : 0;
        free(text);
        if (error)
            return error;
    }
    return ENAMETOOLONG;
}

int sfx_os_unlink(int directory, const char *path)
{
    return SFX_STATUS(unlinkat(at(directory), path, 0));
}

int sfx_os_remove_directory(int directory, const char *path)
{
    return SFX_STATUS(unlinkat(at(directory), path, AT_REMOVEDIR));
}

int sfx_os_rename(int from_directory, const char *from, int directory, const char *path, enum sfx_os_rename how)
{
    if (how == SFX_OS_REPLACE)
        return SFX_STATUS(renameat(at(from_directory), from, at(directory), path));
#if defined(__linux__) && defined(SYS_renameat2)
    unsigned flags = how == SFX_OS_KEEP ? 1u : 2u;           /* RENAME_NOREPLACE, RENAME_EXCHANGE (linux/fs.h) */
    int error = SFX_STATUS((int)syscall(SYS_renameat2, at(from_directory), from, at(directory), path, flags));
    return error == EINVAL ? ENOSYS : error;
#elif defined(__APPLE__)
    unsigned flags = how == SFX_OS_KEEP ? RENAME_EXCL : RENAME_SWAP;
    int error = SFX_STATUS(renameatx_np(at(from_directory), from, at(directory), path, flags));
    return error == ENOTSUP || error == EINVAL ? ENOSYS : error;
#else
    return ENOSYS;
#endif
}

/* Add NAME to the list. */
static int append_name(const char *name, char **names, size_t *size, size_t *room)
{
    size_t length = strlen(name) + 1;
    if (*size + length > *room) {
        size_t larger = (*room + length) * 2;
        char *grown = realloc(*names, larger);
        if (!grown)
            return ENOMEM;
        *names = grown;
        *room = larger;
    }
    memcpy(*names + *size, name, length);
    *size += length;
    return 0;
}

static void close_directory(DIR **stream)
{
    if (*stream)
        closedir(*stream);
}

int sfx_os_list(int directory, char **ret_names, size_t *ret_count)
{
    int fd;
    int error = open_again(directory, ".", O_RDONLY | O_DIRECTORY, 0, &fd);
    if (error)
        return error;
    __attribute__((cleanup(close_directory))) DIR *stream = fdopendir(fd);
    if (!stream) {
        error = errno;
        close(fd);
        return error;
    }
    char *names = NULL;
    size_t size = 0;
    size_t room = 0;
    *ret_count = 0;
    for (;;) {
        const struct dirent *item;
        do {
            errno = 0;
            item = readdir(stream);
        } while (!item && errno == EINTR);
        if (!item)
            break;
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
            continue;
        error = append_name(item->d_name, &names, &size, &room);
        if (error)
            break;
        ++*ret_count;
    }
    error = error ? error : errno;
    if (error) {
        free(names);
        names = NULL;
        *ret_count = 0;
    }
    *ret_names = names;
    return error;
}
