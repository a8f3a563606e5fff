/* Which folders are whose on POSIX systems; see os.h. */
#include "os.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Malloced; the shell's spelling if it is right. */
static int current_directory(char **ret_path)
{
    const char *shell = getenv("PWD");
    struct stat here;
    struct stat named;
    if (shell && shell[0] == '/' && stat(".", &here) == 0 && stat(shell, &named) == 0 && here.st_dev == named.st_dev &&
        here.st_ino == named.st_ino) {
        *ret_path = strdup(shell);
        return *ret_path ? 0 : ENOMEM;
    }
    *ret_path = getcwd(NULL, 0);
    return *ret_path ? 0 : errno;
}

enum sfx_error sfx_os_typed_path(const char *typed, char **ret_path, struct sfx_fault *fault)
{
    char *directory = NULL;
    int error = *typed == '/' ? 0 : current_directory(&directory);
    if (error)
        return sfx_fail_os(fault, error, "cannot find the working directory; give an absolute path instead of %s", typed);
    size_t room = (directory ? strlen(directory) : 0) + strlen(typed) + 2;
    *ret_path = malloc(room);
    if (*ret_path)
        snprintf(*ret_path, room, "%s/%s", directory ? directory : "", typed);
    free(directory);
    return *ret_path ? SFX_OK : sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
}

char *sfx_os_home(void)
{
    const char *home = getenv("HOME");
    return home && *home ? strdup(home) : NULL;
}

/* The home directory; for root /opt. */
int sfx_os_programs(char **ret_path)
{
    const char *home = getenv("HOME");
    if (!sfx_os_is_root() && home && home[0] == '/')
        *ret_path = strdup(home);
    else if (sfx_os_is_root() || sfx_os_is_writable("/opt"))
        *ret_path = strdup("/opt");
    else
        return ENOENT;
    return *ret_path ? 0 : ENOMEM;
}

/* Folders of service accounts are what a vendor may install in; people's start at 1000, on macOS at 500. */
#ifdef __APPLE__
#define FIRST_PERSON 500
#else
#define FIRST_PERSON 1000
#endif

/* FOUND: what stands at PATH, an absolute one, or NULL. */
static bool is_home_of(const struct passwd *user, const char *path, const struct stat *found)
{
    struct stat home;
    if (!user || !user->pw_dir || user->pw_dir[0] != '/')
        return false;
    if (strcmp(user->pw_dir, path) == 0)
        return true;
    if (!found || strcmp(strrchr(user->pw_dir, '/'), strrchr(path, '/')) != 0)
        return false;                    /* to look at every home would mount them all */
    return stat(user->pw_dir, &home) == 0 && home.st_dev == found->st_dev && home.st_ino == found->st_ino;
}

/* This user's own, from whatever database; others' as far as they are listed. */
bool sfx_os_is_home(const char *path)
{
    struct stat found;
    const struct stat *there = stat(path, &found) == 0 ? &found : NULL;
    bool is = is_home_of(getpwuid(geteuid()), path, there);
    const struct passwd *user;
    setpwent();
    while (!is && (user = getpwent()))
        is = (user->pw_uid == 0 || user->pw_uid >= FIRST_PERSON) && is_home_of(user, path, there);
    endpwent();
    return is;
}

bool sfx_os_is_reserved(const char *path)
{
    static const char *const folders[] = {
        "/", "/bin", "/boot", "/dev", "/dev/shm", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/media", "/mnt", "/opt",
        "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/games", "/usr/include", "/usr/lib",
        "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local", "/usr/local/bin", "/usr/local/lib", "/usr/sbin", "/usr/share",
        "/usr/src", "/var", "/var/lib", "/var/tmp", "/Applications", "/Library", "/System", "/Users", "/Volumes", NULL,
    };
    static const char *const kernels[] = {"/proc/", "/sys/", NULL};
    for (const char *const *at = folders; *at; at++)
        if (strcmp(path, *at) == 0)
            return true;
    for (const char *const *at = kernels; *at; at++)
        if (strncmp(path, *at, strlen(*at)) == 0)
            return true;
    return false;
}
