/* Files on Windows; see os.h. Names are in os_win32_names.c, process and machine in os_win32_machine.c. */
#include "os_win32.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GATHERED 32768u                  /* bytes of small segments for one call */
#define LONGEST_WAIT 10000u              /* milliseconds for one file in use, and for all of them three times as long */

/* ---- Handles ---- */

HANDLE sfx_win32_handle(int fd)
{
    switch (fd) {
    case 0: return GetStdHandle(STD_INPUT_HANDLE);
    case 1: return GetStdHandle(STD_OUTPUT_HANDLE);
    case 2: return GetStdHandle(STD_ERROR_HANDLE);
    default: return (HANDLE)(intptr_t)fd;
    }
}

int sfx_win32_fd(HANDLE handle)
{
    return (int)(intptr_t)handle;
}

void sfx_win32_closep(HANDLE *handle)
{
    if (*handle)
        CloseHandle(*handle);
    *handle = NULL;
}

bool sfx_win32_waits(NTSTATUS status, bool renames, unsigned *waited)
{
    static volatile LONG total;
    const NTSTATUS sharing = (NTSTATUS)0xC0000043u;
    const NTSTATUS locked = (NTSTATUS)0xC0000054u;
    const NTSTATUS delete_pending = (NTSTATUS)0xC0000056u;
    const NTSTATUS cannot_delete = (NTSTATUS)0xC0000121u;
    const NTSTATUS mapped = (NTSTATUS)0xC0000243u;
    const NTSTATUS denied = (NTSTATUS)0xC0000022u;           /* a folder with something open below it */
    bool may_pass = status == sharing || status == locked || status == delete_pending || status == cannot_delete || status == mapped ||
                    (renames && status == denied);
    unsigned step = *waited < 100 ? 10 : *waited < 1000 ? 100 : 500;
    if (!may_pass || *waited >= LONGEST_WAIT || (unsigned)total >= 3 * LONGEST_WAIT || sfx_os_interrupted())
        return false;
    Sleep(step);
    *waited += step;
    InterlockedExchangeAdd(&total, (LONG)step);
    return true;
}

/* ---- Names for the kernel ---- */

/* In place: `/` and repeated separators become one `\`, components `.` and separators at the end go; from TEXT + KEPT on. */
static size_t normalise(wchar_t *text, size_t kept)
{
    wchar_t *end = text + kept;
    for (const wchar_t *at = end; *at;) {
        if (*at == L'\\' || *at == L'/') {
            at++;
            continue;
        }
        size_t size = wcscspn(at, L"\\/");
        if (size != 1 || *at != L'.') {
            if (end > text + kept)
                *end++ = L'\\';
            memmove(end, at, size * sizeof *end);
            end += size;
        }
        at += size;
    }
    *end = L'\0';
    return (size_t)(end - text);
}

/* `\??\C:\x`, `\??\UNC\server\share\x` */
static int absolute_name(const char *path, struct sfx_win32_name *ret_name)
{
    bool is_drive = ((path[0] | 0x20) >= 'a' && (path[0] | 0x20) <= 'z') && path[1] == ':' && path[2] == '/';
    bool is_unc = path[0] == '/' && path[1] == '/' && path[2] != '?' && path[2] != '.' && path[2] != '/';
    const wchar_t *mark = is_unc ? L"\\??\\UNC\\" : L"\\??\\";
    wchar_t *rest = is_drive || is_unc ? sfx_win32_wide(path + (is_unc ? 2 : 0)) : sfx_win32_api_path(path);
    if (!rest)
        return is_drive || is_unc ? ENOMEM : ENOENT;
    if (!is_drive && !is_unc)
        memmove(rest, rest + 4, (wcslen(rest + 4) + 1) * sizeof *rest);      /* the mark of the API */
    size_t marked = wcslen(mark);
    wchar_t *text = malloc((marked + wcslen(rest) + 2) * sizeof *text);
    if (text) {
        wcscpy(text, mark);
        wcscat(text, rest);
        ret_name->length = normalise(text, marked);
        if (text[ret_name->length - 1] == L':') {
            wcscat(text, L"\\");
            ret_name->length++;
        }
    }
    free(rest);
    ret_name->root = NULL;
    ret_name->text = text;
    return text ? 0 : ENOMEM;
}

int sfx_win32_name(int directory, const char *path, struct sfx_win32_name *ret_name)
{
    int error = 0;
    memset(ret_name, 0, sizeof *ret_name);
    if (directory == SFX_OS_HERE) {
        error = absolute_name(path, ret_name);
    } else {
        ret_name->root = sfx_win32_handle(directory);
        ret_name->text = sfx_win32_wide(path);
        if (!ret_name->text)
            return ENOMEM;
        ret_name->length = normalise(ret_name->text, 0);
    }
    return !error && ret_name->length > 32000 ? ENAMETOOLONG : error;
}

void sfx_win32_name_free(struct sfx_win32_name *name)
{
    free(name->text);
    name->text = NULL;
}

NTSTATUS sfx_win32_open(int directory, const char *path, const struct sfx_win32_opening *opening, HANDLE *ret_handle)
{
    SFX_CLEAN_NAME struct sfx_win32_name name;
    IO_STATUS_BLOCK block;
    unsigned waited = 0;
    NTSTATUS status;
    *ret_handle = NULL;
    int error = sfx_win32_name(directory, path, &name);
    if (error)
        return error == ENAMETOOLONG ? (NTSTATUS)0xC0000106u : error == ENOENT ? (NTSTATUS)0xC0000034u : (NTSTATUS)0xC0000017u;
    USHORT size = (USHORT)(name.length * sizeof(wchar_t));
    UNICODE_STRING text = {size, size, name.text};
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &text, OBJ_CASE_INSENSITIVE, name.root, NULL);
    do {
        status = NtCreateFile(ret_handle, opening->access | SYNCHRONIZE | FILE_READ_ATTRIBUTES, &attributes, &block, NULL,
                              FILE_ATTRIBUTE_NORMAL, SFX_SHARE_ALL, opening->disposition,
                              opening->options | FILE_SYNCHRONOUS_IO_NONALERT | FILE_OPEN_FOR_BACKUP_INTENT, NULL, 0);
    } while (status < 0 && sfx_win32_waits(status, false, &waited));
    if (status < 0)
        *ret_handle = NULL;
    return status;
}

/* ---- Opening ---- */

/* Of a reparse point; 0: it is none. */
static DWORD reparse_tag(HANDLE handle)
{
    FILE_ATTRIBUTE_TAG_INFO found;
    bool is_point = GetFileInformationByHandleEx(handle, FileAttributeTagInfo, &found, sizeof found) &&
                    (found.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT);
    return is_point ? found.ReparseTag : 0;
}

/* Without following a link; what else is kept behind a reparse point (compressed, in a cloud) is opened as a file. */
static int open_itself(int directory, const char *path, struct sfx_win32_opening opening, int *ret_fd)
{
    HANDLE handle;
    ULONG plain = opening.options;
    opening.options |= FILE_OPEN_REPARSE_POINT;
    NTSTATUS status = sfx_win32_open(directory, path, &opening, &handle);
    DWORD tag = status < 0 ? 0 : reparse_tag(handle);
    if (tag)
        CloseHandle(handle);
    if (tag && IsReparseTagNameSurrogate(tag))
        return ELOOP;
    opening.options = plain;
    if (tag)
        status = sfx_win32_open(directory, path, &opening, &handle);
    if (status >= 0)
        *ret_fd = sfx_win32_fd(handle);
    return sfx_win32_status(status);
}

int sfx_os_open(int directory, const char *path, enum sfx_os_access access, int *ret_fd)
{
    const ACCESS_MASK folder = FILE_LIST_DIRECTORY | FILE_TRAVERSE;
    HANDLE handle = NULL;
    *ret_fd = -1;
    switch (access) {
    case SFX_OS_READ:
        return open_itself(directory, path, (struct sfx_win32_opening){FILE_GENERIC_READ, FILE_OPEN, FILE_NON_DIRECTORY_FILE}, ret_fd);
    case SFX_OS_WRITE:
        return open_itself(directory, path, (struct sfx_win32_opening){FILE_GENERIC_WRITE, FILE_OPEN, FILE_NON_DIRECTORY_FILE}, ret_fd);
    case SFX_OS_ADD:
        return open_itself(directory, path, (struct sfx_win32_opening){FILE_APPEND_DATA | FILE_WRITE_ATTRIBUTES, FILE_OPEN, FILE_NON_DIRECTORY_FILE}, ret_fd);
    case SFX_OS_DIRECTORY:
        return open_itself(directory, path, (struct sfx_win32_opening){folder, FILE_OPEN, FILE_DIRECTORY_FILE}, ret_fd);
    case SFX_OS_DIRECTORY_FOLLOW: {
        struct sfx_win32_opening opening = {folder, FILE_OPEN, FILE_DIRECTORY_FILE};
        NTSTATUS status = sfx_win32_open(directory, path, &opening, &handle);
        if (status >= 0)
            *ret_fd = sfx_win32_fd(handle);
        return sfx_win32_status(status);
    }
    }
    return EINVAL;
}

int sfx_os_create(int directory, const char *path, uint32_t mode, int *ret_fd)
{
    const struct sfx_win32_opening opening = {FILE_GENERIC_WRITE, FILE_CREATE, FILE_NON_DIRECTORY_FILE};
    HANDLE handle;
    (void)mode;
    NTSTATUS status = sfx_win32_open(directory, path, &opening, &handle);
    *ret_fd = status < 0 ? -1 : sfx_win32_fd(handle);
    return sfx_win32_status(status);
}

int sfx_os_open_log(const char *path, int *ret_fd)
{
    const struct sfx_win32_opening opening = {FILE_APPEND_DATA, FILE_OPEN_IF, FILE_NON_DIRECTORY_FILE};
    HANDLE handle;
    NTSTATUS status = sfx_win32_open(SFX_OS_HERE, path, &opening, &handle);
    *ret_fd = status < 0 ? -1 : sfx_win32_fd(handle);
    return sfx_win32_status(status);
}

enum sfx_error sfx_os_open_read(const char *path, int *ret_fd, struct sfx_fault *fault)
{
    const struct sfx_win32_opening opening = {FILE_GENERIC_READ, FILE_OPEN, FILE_NON_DIRECTORY_FILE};
    HANDLE handle;
    NTSTATUS status = sfx_win32_open(SFX_OS_HERE, path, &opening, &handle);
    *ret_fd = status < 0 ? -1 : sfx_win32_fd(handle);
    return status < 0 ? sfx_fail_os(fault, sfx_win32_status(status), "cannot open %s", path) : SFX_OK;
}

int sfx_os_close(int fd)
{
    int error = sfx_win32_settle(sfx_win32_handle(fd));
    int closed = sfx_win32_result(CloseHandle(sfx_win32_handle(fd)));
    return error ? error : closed;
}

void sfx_os_closep(int *fd)
{
    if (*fd >= 0)
        sfx_os_close(*fd);
    *fd = -1;
}

/* ---- Reading ---- */

void sfx_os_path(int fd, char ret_path[SFX_MAX_PATH + 1])
{
    wchar_t wide[SFX_MAX_PATH + 1];
    DWORD size = GetFinalPathNameByHandleW(sfx_win32_handle(fd), wide, SFX_MAX_PATH, FILE_NAME_NORMALIZED | VOLUME_NAME_DOS);
    char *path = size > 0 && size < SFX_MAX_PATH ? sfx_win32_path(wide, size) : NULL;
    const char *shown = path && strlen(path) <= SFX_MAX_PATH ? path : "a file";
    memcpy(ret_path, shown, strlen(shown) + 1);
    free(path);
}

static enum sfx_error fail_read(struct sfx_fault *fault, int error, int fd, uint64_t offset)
{
    char path[SFX_MAX_PATH + 1];
    sfx_os_path(fd, path);
    return sfx_fail_os(fault, error, "cannot read %s at offset %llu", path, (unsigned long long)offset);
}

enum sfx_error sfx_os_size(int fd, uint64_t *ret_size, struct sfx_fault *fault)
{
    LARGE_INTEGER size;
    char path[SFX_MAX_PATH + 1];
    if (GetFileType(sfx_win32_handle(fd)) != FILE_TYPE_DISK) {
        sfx_os_path(fd, path);
        return sfx_fail(fault, SFX_ERROR_IO, "%s is no regular file; save it as a file first", path);
    }
    if (!GetFileSizeEx(sfx_win32_handle(fd), &size))
        return fail_read(fault, sfx_win32_errno(GetLastError()), fd, 0);
    *ret_size = (uint64_t)size.QuadPart;
    return SFX_OK;
}

/* At OFFSET, SFX_OS_APPEND: at the position. The end gives 0 bytes. */
static int read_some(int fd, void *buffer, size_t size, uint64_t offset, size_t *ret_size)
{
    OVERLAPPED place = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    DWORD got = 0;
    DWORD part = size < (1u << 30) ? (DWORD)size : 1u << 30;
    BOOL done = ReadFile(sfx_win32_handle(fd), buffer, part, &got, offset == SFX_OS_APPEND ? NULL : &place);
    DWORD error = done ? ERROR_SUCCESS : GetLastError();
    *ret_size = got;
    return error == ERROR_HANDLE_EOF || error == ERROR_BROKEN_PIPE ? 0 : sfx_win32_errno(error);
}

enum sfx_error sfx_os_pread(int fd, void *buffer, size_t size, uint64_t offset, struct sfx_fault *fault)
{
    uint8_t *next = buffer;
    while (size > 0) {
        size_t got;
        int error = read_some(fd, next, size, offset, &got);
        if (error)
            return fail_read(fault, error, fd, offset);
        if (got == 0) {
            char path[SFX_MAX_PATH + 1];
            sfx_os_path(fd, path);
            return sfx_fail(fault, SFX_ERROR_IO, "%s ended at offset %llu while it was read", path, (unsigned long long)offset);
        }
        next += got;
        offset += got;
        size -= got;
    }
    return SFX_OK;
}

int sfx_os_read(int fd, void *buffer, size_t size, size_t *ret_size)
{
    uint8_t *next = buffer;
    size_t got = 1;
    int error = 0;
    *ret_size = 0;
    while (!error && got > 0 && *ret_size < size) {
        error = read_some(fd, next + *ret_size, size - *ret_size, SFX_OS_APPEND, &got);
        *ret_size += got;
    }
    return error;
}

int sfx_os_map(int fd, uint64_t size, const uint8_t **ret_data)
{
    if (size > SIZE_MAX)
        return EFBIG;
    SFX_CLEAN_HANDLE HANDLE mapping = CreateFileMappingW(sfx_win32_handle(fd), NULL, PAGE_READONLY, 0, 0, NULL);
    *ret_data = mapping ? MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, (SIZE_T)size) : NULL;
    return sfx_win32_result(*ret_data != NULL);
}

void sfx_os_unmap(const uint8_t *data, uint64_t size)
{
    (void)size;
    UnmapViewOfFile(data);
}

/* Pages that are not locked leave the working set by this (VirtualUnlock's documentation). */
void sfx_os_drop(const uint8_t *data, size_t size)
{
    VirtualUnlock((void *)(uintptr_t)data, size);
}

/* ---- Writing ---- */

static int write_all(int fd, const uint8_t *data, size_t size, uint64_t *offset)
{
    while (size > 0) {
        OVERLAPPED place = {.Offset = (DWORD)*offset, .OffsetHigh = (DWORD)(*offset >> 32)};
        DWORD put = 0;
        DWORD part = size < (1u << 30) ? (DWORD)size : 1u << 30;
        bool at_end = *offset == SFX_OS_APPEND;
        if (!WriteFile(sfx_win32_handle(fd), data, part, &put, at_end ? NULL : &place))
            return sfx_win32_errno(GetLastError());
        if (put == 0)
            return EIO;
        data += put;
        size -= put;
        *offset += at_end ? 0 : put;
    }
    return 0;
}

int sfx_os_write(int fd, const void *data, size_t size)
{
    uint64_t offset = SFX_OS_APPEND;
    HANDLE handle = sfx_win32_handle(fd);
    if (size > 0 && (fd == 1 || fd == 2) && sfx_win32_is_console(handle))
        return sfx_win32_result(sfx_win32_show(handle, data, size));
    return write_all(fd, data, size, &offset);
}

/* Small ones together. */
int sfx_os_write_segments(int fd, const struct sfx_segment *segments, size_t count, uint64_t offset)
{
    uint8_t gathered[GATHERED];
    size_t used = 0;
    int error = 0;
    if (count == 1)
        return write_all(fd, segments[0].data, segments[0].size, &offset);
    for (size_t i = 0; !error && i < count; i++) {
        bool fits = segments[i].size <= sizeof gathered - used;
        if (!fits && used > 0) {
            error = write_all(fd, gathered, used, &offset);
            used = 0;
        }
        if (!error && segments[i].size > sizeof gathered) {
            error = write_all(fd, segments[i].data, segments[i].size, &offset);
        } else if (!error) {
            memcpy(gathered + used, segments[i].data, segments[i].size);
            used += segments[i].size;
        }
    }
    return error ? error : write_all(fd, gathered, used, &offset);
}

/* What is added are holes where the file system has them; else writing behind them would write zeros first. */
int sfx_os_truncate(int fd, uint64_t size)
{
    HANDLE handle = sfx_win32_handle(fd);
    FILE_END_OF_FILE_INFO end = {.EndOfFile.QuadPart = (LONGLONG)size};
    LARGE_INTEGER before;
    DWORD ignored;
    if (GetFileSizeEx(handle, &before) && (uint64_t)before.QuadPart < size)
        DeviceIoControl(handle, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &ignored, NULL);
    return sfx_win32_result(SetFileInformationByHandle(handle, FileEndOfFileInfo, &end, sizeof end));
}
