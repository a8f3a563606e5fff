/* What a file system is like, and what this user may take of it, on POSIX systems; see os.h. Nothing is written. */
#include "os.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#endif
#ifdef __APPLE__
#include <sys/mount.h>
#endif

#define FAT_LARGEST 0xffffffffu

/* ---- Case ---- */

static char swapped(char letter)
{
    bool is_letter = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
    return is_letter ? (char)(letter ^ 0x20) : letter;
}

/* Whether NAME is found by its letters in the other case; RET_TELLS: it would tell, having letters and only this name. */
static bool is_found_swapped(int directory, const char *name, bool *ret_tells)
{
    char other[NAME_MAX + 1];
    struct stat one;
    struct stat two;
    size_t size = strlen(name);
    *ret_tells = false;
    if (size > NAME_MAX || fstatat(directory, name, &one, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    for (size_t i = 0; i <= size; i++)
        other[i] = swapped(name[i]);
    *ret_tells = strcmp(name, other) != 0 && (S_ISDIR(one.st_mode) || one.st_nlink == 1);
    return *ret_tells && fstatat(directory, other, &two, AT_SYMLINK_NOFOLLOW) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}

/* By something that stands in the folder; if nothing that tells does, by the folder's own name. */
static bool ignores_case(int fd, const char *path)
{
    bool tells = false;
    bool ignores = false;
    struct stat here;
    struct stat above;
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *item;
    while (stream && !tells && (item = readdir(stream)))
        ignores = is_found_swapped(fd, item->d_name, &tells);
    if (stream)
        closedir(stream);
    else if (copy >= 0)
        close(copy);
    if (tells || fstat(fd, &here) != 0)
        return ignores;
    int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *slash = strrchr(path, '/');
    if (parent >= 0 && slash && fstat(parent, &above) == 0 && here.st_dev == above.st_dev)
        ignores = is_found_swapped(parent, slash + 1, &tells);
    if (parent >= 0)
        close(parent);
    return ignores;
}

/* ---- Volume ---- */

#ifdef __linux__
#define MSDOS_MAGIC 0x4d44u              /* linux/magic.h */
#define EXFAT_MAGIC 0x2011bab0u

static void look(int fd, struct sfx_os_volume *volume)
{
    struct statfs found;
    int flags = 0;
    uint32_t type = fstatfs(fd, &found) == 0 ? (uint32_t)found.f_type : 0;
    volume->is_fat = type == MSDOS_MAGIC || type == EXFAT_MAGIC;
    if (type == MSDOS_MAGIC)
        volume->largest_file = FAT_LARGEST;
#ifdef FS_CASEFOLD_FL
    volume->ignores_case = syscall(SYS_ioctl, fd, (unsigned long)FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_CASEFOLD_FL) != 0;
#endif
    (void)flags;
}
#else
static void look(int fd, struct sfx_os_volume *volume)
{
#ifdef __APPLE__
    struct statfs found;
    bool known = fstatfs(fd, &found) == 0;
    volume->is_fat = known && (strcmp(found.f_fstypename, "msdos") == 0 || strcmp(found.f_fstypename, "exfat") == 0);
    if (known && strcmp(found.f_fstypename, "msdos") == 0)
        volume->largest_file = FAT_LARGEST;
    volume->ignores_case = fpathconf(fd, _PC_CASE_SENSITIVE) == 0;
#else
    (void)fd;
    (void)volume;
#endif
}
#endif

void sfx_os_volume(const char *path, struct sfx_os_volume *ret_volume)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct rlimit limit;
    struct statvfs found;
    *ret_volume = (struct sfx_os_volume){.longest_name = NAME_MAX, .largest_file = UINT64_MAX};
    if (statvfs(path, &found) == 0 && found.f_namemax > 0)
        ret_volume->longest_name = found.f_namemax;
    if (fd >= 0) {
        look(fd, ret_volume);
        ret_volume->ignores_case = ret_volume->ignores_case || ret_volume->is_fat || ignores_case(fd, path);
        ret_volume->is_strict = ret_volume->is_fat;
    }
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < ret_volume->largest_file)
        ret_volume->largest_file = (uint64_t)limit.rlim_cur;
}

/* ---- Quota ---- */

#ifdef __linux__
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

/* Linux 5.14 takes a folder; before, it takes the device, by udev's name for it. */
static bool get_quota(int fd, const struct stat *folder, int type, uint32_t id, struct dqblk *ret_quota)
{
    char device[64];
    memset(ret_quota, 0, sizeof *ret_quota);
    if (syscall(SYS_quotactl_fd, fd, QCMD(Q_GETQUOTA, type), id, ret_quota) == 0)
        return true;
    snprintf(device, sizeof device, "/dev/block/%u:%u", major(folder->st_dev), minor(folder->st_dev));
    return syscall(SYS_quotactl, QCMD(Q_GETQUOTA, type), device, id, ret_quota) == 0;
}

/* A soft limit counts like a hard one once its time is over. */
static void lower(uint64_t *left, uint64_t hard, uint64_t soft, uint64_t end, uint64_t used)
{
    uint64_t limit = soft && end && end <= (uint64_t)time(NULL) ? soft : hard;
    uint64_t found = limit > used ? limit - used : 0;
    if (limit && found < *left)
        *left = found;
}

static void lower_all(struct sfx_os_quota *quota, const struct dqblk *found)
{
    const uint64_t unit = 1024;          /* of the block limits (quotactl(2)) */
    lower(&quota->bytes, found->dqb_bhardlimit * unit, found->dqb_bsoftlimit * unit, found->dqb_btime, found->dqb_curspace);
    lower(&quota->inodes, found->dqb_ihardlimit, found->dqb_isoftlimit, found->dqb_itime, found->dqb_curinodes);
}

/* Root has none. What a network file system's server limits is not seen here; a project's limit is part of the free space. */
void sfx_os_quota(const char *path, struct sfx_os_quota *ret_quota)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    struct stat folder;
    struct dqblk found;
    *ret_quota = (struct sfx_os_quota){UINT64_MAX, UINT64_MAX};
    if (geteuid() == 0)
        return;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &folder) != 0)
        return;
    uint32_t group = folder.st_mode & S_ISGID ? folder.st_gid : getegid();
    if (get_quota(fd, &folder, USRQUOTA, geteuid(), &found))
        lower_all(ret_quota, &found);
    if (get_quota(fd, &folder, GRPQUOTA, group, &found))
        lower_all(ret_quota, &found);
}
#else
void sfx_os_quota(const char *path, struct sfx_os_quota *ret_quota)
{
    (void)path;
    *ret_quota = (struct sfx_os_quota){UINT64_MAX, UINT64_MAX};
}
#endif
