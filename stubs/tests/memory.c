#include "memory.h"

#include <errno.h>
#include <string.h>

#include "os.h"

static const uint8_t *file_data;
static size_t file_size;

void memory_file(const uint8_t *data, size_t size)
{
    file_data = data;
    file_size = size;
}

enum sfx_error sfx_os_open_read(const char *path, int *ret_fd, struct sfx_fault *fault)
{
    (void)path;
    (void)fault;
    *ret_fd = 0;
    return SFX_OK;
}

enum sfx_error sfx_os_size(int fd, uint64_t *ret_size, struct sfx_fault *fault)
{
    (void)fd;
    (void)fault;
    *ret_size = file_size;
    return SFX_OK;
}

enum sfx_error sfx_os_pread(int fd, void *buffer, size_t size, uint64_t offset, struct sfx_fault *fault)
{
    (void)fd;
    if (offset > file_size || size > file_size - offset)
        return sfx_fail_os(fault, EIO, "read outside the file");
    if (size != 0)
        memcpy(buffer, file_data + offset, size);
    return SFX_OK;
}

void sfx_os_closep(int *fd)
{
    (void)fd;
}
