/* Running a program on POSIX systems; see os.h. */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int spawn(const char *const arguments[], int output, pid_t *ret_child)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (!error)
        error = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    if (!error) {
        mode_t own = umask(S_IWGRP | S_IWOTH); /* ours is 0, which no program expects */
        error = posix_spawn(ret_child, arguments[0], &actions, NULL, (char *const *)(uintptr_t)arguments, environ);
        umask(own);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static void read_all(int fd, pid_t child, void (*sink)(void *context, const char *data, size_t size), void *context)
{
    char buffer[4096];
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) {
            if (sfx_os_interrupted())
                kill(child, SIGTERM);
            continue;
        }
        if (got <= 0)
            return;
        sink(context, buffer, (size_t)got);
    }
}

int sfx_os_run(const char *const arguments[], void (*sink)(void *context, const char *data, size_t size), void *context,
               int *ret_status)
{
    int ends[2];
    pid_t child;
    int status;
    if (pipe(ends) != 0)
        return errno;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    int error = spawn(arguments, ends[1], &child);
    close(ends[1]);
    if (!error) {
        read_all(ends[0], child, sink, context);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
        *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    close(ends[0]);
    return error;
}
