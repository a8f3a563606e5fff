#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"

static const struct memory_file *files;
static size_t file_count;

void memory_files(const struct memory_file *given, size_t count)
{
    files = given;
    file_count = count;
}

/* The number at the end of a part's name; 0 of the first file, which has an empty one. */
enum sfx_error sfx_os_open_read(const char *path, int *ret_fd, struct sfx_fault *fault)
{
    bool is_sidecar = strcmp(path, ".sfxdata") == 0;
    size_t number = is_sidecar ? 1 : *path != '\0' ? strtoul(strrchr(path, 't') + 1, NULL, 10) : 0;
    if (number >= file_count || files[number].data == NULL)
        return sfx_fail_os(fault, ENOENT, "cannot open %s", path);
    *ret_fd = (int)number;
    return SFX_OK;
}

enum sfx_error sfx_os_size(int fd, uint64_t *ret_size, struct sfx_fault *fault)
{
    (void)fault;
    *ret_size = files[fd].size;
    return SFX_OK;
}

enum sfx_error sfx_os_pread(int fd, void *buffer, size_t size, uint64_t offset, struct sfx_fault *fault)
{
    if (offset > files[fd].size || size > files[fd].size - offset)
        return sfx_fail_os(fault, EIO, "read outside the file");
    if (size != 0)
        memcpy(buffer, files[fd].data + offset, size);
    return SFX_OK;
}

/* What is linked with it, and never called. */
int sfx_os_open(int directory, const char *path, enum sfx_os_access access, int *ret_fd)
{
    (void)directory;
    (void)path;
    (void)access;
    (void)ret_fd;
    return ENOSYS;
}

int sfx_os_read(int fd, void *buffer, size_t size, size_t *ret_size)
{
    (void)fd;
    (void)buffer;
    (void)size;
    (void)ret_size;
    return ENOSYS;
}

int sfx_os_real_path(const char *path, char **ret_path)
{
    (void)path;
    (void)ret_path;
    return ENOENT;
}

void sfx_os_closep(int *fd)
{
    (void)fd;
}
