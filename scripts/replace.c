/* What `sfx relocate` is measured against: read each file named on standard input, write it anew beside itself with its mode
 * and times, rename that over it. Nothing is looked for, checked or flushed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *path)
{
    perror(path);
    exit(1);
}

static size_t read_whole(const char *path, char **bytes, size_t *room, struct stat *found)
{
    size_t size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, found) < 0)
        die(path);
    if ((size_t)found->st_size > *room) {
        *room = 2 * (size_t)found->st_size;
        *bytes = realloc(*bytes, *room);
    }
    for (ssize_t got = 1; got > 0 && size < (size_t)found->st_size; size += (size_t)got)
        if ((got = read(fd, *bytes + size, (size_t)found->st_size - size)) < 0)
            die(path);
    close(fd);
    return size;
}

static void write_whole(const char *path, const char *bytes, size_t size, const struct stat *found)
{
    const struct timespec times[2] = {found->st_atim, found->st_mtim};
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    for (ssize_t put = 0; size > 0; bytes += put, size -= (size_t)put)
        if (fd < 0 || (put = write(fd, bytes, size)) < 0)
            die(path);
    if (fchmod(fd, found->st_mode & 07777) < 0 || futimens(fd, times) < 0 || close(fd) < 0)
        die(path);
}

int main(void)
{
    char *line = NULL, *bytes = NULL;
    size_t line_room = 0, room = 0;
    struct stat found;
    for (ssize_t length; (length = getline(&line, &line_room, stdin)) > 0;) {
        char beside[4096];
        line[length - 1] = '\0';
        size_t size = read_whole(line, &bytes, &room, &found);
        snprintf(beside, sizeof beside, "%s.new", line);
        write_whole(beside, bytes, size, &found);
        if (rename(beside, line) < 0)
            die(line);
    }
    return 0;
}
