/* What a file has besides its bytes, on POSIX systems; see os.h. */
#include "os_posix.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifdef __APPLE__
#define LIST(fd, names, size) flistxattr(fd, names, size, 0)
#define GET(fd, name, value, size) fgetxattr(fd, name, value, size, 0, 0)
#define SET(fd, name, value, size) fsetxattr(fd, name, value, size, 0, 0)
#else
#define LIST(fd, names, size) flistxattr(fd, names, size)
#define GET(fd, name, value, size) fgetxattr(fd, name, value, size)
#define SET(fd, name, value, size) fsetxattr(fd, name, value, size, 0)
#endif

#define LARGEST ((size_t)64 << 10)       /* of a value and of a list of names: XATTR_SIZE_MAX, XATTR_LIST_MAX (linux/limits.h) */

/* What only the system may give, or this file system cannot hold, the copy goes without. */
static bool is_refusal(int error)
{
    return error == EPERM || error == EACCES || error == ENOTSUP || error == ENODATA || error == ERANGE;
}

static int copy_value(int from, int to, const char *name, uint8_t *value)
{
    ssize_t size = SFX_AGAIN(GET(from, name, value, LARGEST));
    if (size < 0 || SFX_AGAIN(SET(to, name, value, (size_t)size)) < 0)
        return is_refusal(errno) ? 0 : errno;
    return 0;
}

static int copy_values(int from, int to)
{
    ssize_t size = SFX_AGAIN(LIST(from, NULL, 0));
    if (size <= 0)
        return size == 0 || is_refusal(errno) || errno == ENOSYS ? 0 : errno;
    char *names = malloc(LARGEST * 2);
    if (!names)
        return ENOMEM;
    int error = 0;
    size = SFX_AGAIN(LIST(from, names, LARGEST));
    if (size < 0)
        error = errno;
    for (const char *name = names; !error && name < names + size; name += strlen(name) + 1)
        error = copy_value(from, to, name, (uint8_t *)names + LARGEST);
    free(names);
    return error;
}

int sfx_os_copy_attributes(int from, int to)
{
    struct stat found;
    struct stat made;
    if (SFX_AGAIN(fstat(from, &found)) < 0 || SFX_AGAIN(fstat(to, &made)) < 0)
        return errno;
    mode_t mode = found.st_mode & 07777;
    bool foreign = found.st_uid != made.st_uid || found.st_gid != made.st_gid;
    if (foreign && SFX_AGAIN(fchown(to, found.st_uid, found.st_gid)) < 0) {
        if (!is_refusal(errno))
            return errno;
        mode &= S_ISDIR(found.st_mode) ? 07777 : 01777;      /* a program would run as this user, not as its owner */
    }
    int error = copy_values(from, to);
    if (error)
        return error;
    if (mode != (made.st_mode & 07777) && SFX_AGAIN(fchmod(to, mode)) < 0 && errno != EPERM)
        return errno;
#ifdef __APPLE__
    const struct timespec times[2] = {found.st_atimespec, found.st_mtimespec};
#else
    const struct timespec times[2] = {found.st_atim, found.st_mtim};
#endif
    return SFX_STATUS(futimens(to, times));
}
