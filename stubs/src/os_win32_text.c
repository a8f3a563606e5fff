/* Text of Windows: UTF-16, spellings of paths, errors; see os_win32.h. */
#include "os_win32.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Errors ---- */

#define STATUS(value) ((NTSTATUS)(value##u))
#define IS_DIRECTORY STATUS(0xC00000BA)
#define DELETE_PENDING STATUS(0xC0000056)
#define CANNOT_DELETE STATUS(0xC0000121)
#define USER_MAPPED STATUS(0xC0000243)
#define STOPPED_ON_LINK STATUS(0x8000002D)

int sfx_win32_errno(DWORD error)
{
    static const struct { DWORD error; int number; } known[] = {
        {ERROR_SUCCESS, 0},
        {ERROR_FILE_NOT_FOUND, ENOENT}, {ERROR_PATH_NOT_FOUND, ENOENT}, {ERROR_INVALID_DRIVE, ENOENT}, {ERROR_BAD_NETPATH, ENOENT},
        {ERROR_BAD_NET_NAME, ENOENT}, {ERROR_NOT_READY, ENOENT}, {ERROR_BAD_PATHNAME, ENOENT},
        {ERROR_ACCESS_DENIED, EACCES}, {ERROR_NETWORK_ACCESS_DENIED, EACCES}, {ERROR_VIRUS_INFECTED, EACCES},
        {ERROR_VIRUS_DELETED, EACCES}, {ERROR_PRIVILEGE_NOT_HELD, EPERM},
        {ERROR_SHARING_VIOLATION, EBUSY}, {ERROR_LOCK_VIOLATION, EBUSY}, {ERROR_BUSY, EBUSY}, {ERROR_USER_MAPPED_FILE, EBUSY},
        {ERROR_FILE_EXISTS, EEXIST}, {ERROR_ALREADY_EXISTS, EEXIST}, {ERROR_DIR_NOT_EMPTY, ENOTEMPTY},
        {ERROR_DISK_FULL, ENOSPC}, {ERROR_HANDLE_DISK_FULL, ENOSPC}, {ERROR_DISK_QUOTA_EXCEEDED, EDQUOT},
        {ERROR_DIRECTORY, ENOTDIR}, {ERROR_WRITE_PROTECT, EROFS}, {ERROR_NOT_SAME_DEVICE, EXDEV}, {ERROR_FILE_TOO_LARGE, EFBIG},
        {ERROR_NOT_SUPPORTED, ENOTSUP}, {ERROR_INVALID_FUNCTION, ENOTSUP}, {ERROR_CALL_NOT_IMPLEMENTED, ENOSYS},
        {ERROR_INVALID_PARAMETER, EINVAL}, {ERROR_INVALID_NAME, EINVAL}, {ERROR_NOT_A_REPARSE_POINT, EINVAL},
        {ERROR_TOO_MANY_OPEN_FILES, EMFILE}, {ERROR_NOT_ENOUGH_MEMORY, ENOMEM}, {ERROR_OUTOFMEMORY, ENOMEM},
        {ERROR_COMMITMENT_LIMIT, ENOMEM}, {ERROR_NO_SYSTEM_RESOURCES, ENOMEM}, {ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG},
        {ERROR_BUFFER_OVERFLOW, ENAMETOOLONG}, {ERROR_BROKEN_PIPE, EPIPE}, {ERROR_NO_DATA, EPIPE}, {ERROR_PIPE_NOT_CONNECTED, EPIPE},
        {ERROR_CANT_RESOLVE_FILENAME, ELOOP}, {ERROR_OPERATION_ABORTED, EINTR}, {ERROR_INVALID_HANDLE, EBADF},
        {ERROR_BAD_EXE_FORMAT, ENOEXEC}, {ERROR_ELEVATION_REQUIRED, EPERM}, {ERROR_TOO_MANY_LINKS, EMLINK},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].error == error)
            return known[i].number;
    return EIO;
}

/* The kernel tells more than the Windows API does. */
int sfx_win32_status(NTSTATUS status)
{
    if (status >= 0)
        return 0;
    switch (status) {
    case IS_DIRECTORY: return EISDIR;
    case STOPPED_ON_LINK: return ELOOP;
    case DELETE_PENDING:
    case CANNOT_DELETE:
    case USER_MAPPED: return EBUSY;
    default: return sfx_win32_errno(RtlNtStatusToDosError(status));
    }
}

int sfx_win32_result(BOOL done)
{
    return done ? 0 : sfx_win32_errno(GetLastError());
}

const char *sfx_os_error_text(int error)
{
    switch (error) {
    case EBUSY: return "in use by another program";
    case EACCES: return "access is denied";
    case EDQUOT: return "the disk quota is used up";
    case ENOENT: return "not found";
    case EXDEV: return "on another drive";
    case EINVAL: return "not possible here, or no valid name";
    default: return strerror(error);
    }
}

/* ---- UTF-16 ---- */

/* One code point of UTF-8, moving TEXT on; a byte that begins none is U+FFFD. Halves of surrogate pairs are taken as they are. */
static uint32_t take_point(const uint8_t **text)
{
    const uint8_t *at = *text;
    uint32_t first = *at++;
    unsigned more = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0;
    uint32_t point = first < 0x80 ? first : first & (0x3fu >> more);
    bool sound = first < 0x80 || more > 0;
    for (unsigned i = 0; sound && i < more; i++) {
        sound = (*at & 0xc0) == 0x80;
        if (sound)
            point = point << 6 | (*at++ & 0x3fu);
    }
    bool is_long = (more == 2 && point < 0x800) || (more == 3 && (point < 0x10000 || point > 0x10ffff));
    if (sound && !is_long) {
        *text = at;
        return point;
    }
    ++*text;
    return 0xfffd;
}

wchar_t *sfx_win32_wide(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    wchar_t *wide = malloc((strlen(text) + 1) * sizeof *wide);
    wchar_t *end = wide;
    if (!wide)
        return NULL;
    while (*at) {
        uint32_t point = take_point(&at);
        if (point >= 0x10000) {
            *end++ = (wchar_t)(0xd800u + ((point - 0x10000) >> 10));
            *end++ = (wchar_t)(0xdc00u + ((point - 0x10000) & 0x3ffu));
        } else {
            *end++ = (wchar_t)point;
        }
    }
    *end = L'\0';
    return wide;
}

static char *put_point(char *end, uint32_t point)
{
    if (point < 0x80) {
        *end++ = (char)point;
        return end;
    }
    unsigned more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    uint32_t mark = more == 1 ? 0xc0u : more == 2 ? 0xe0u : 0xf0u;
    *end++ = (char)(mark | point >> (6 * more));
    while (more-- > 0)
        *end++ = (char)(0x80u | (point >> (6 * more) & 0x3fu));
    return end;
}

char *sfx_win32_narrow(const wchar_t *text, size_t size)
{
    char *narrow = malloc(size * 3 + 1);
    char *end = narrow;
    if (!narrow)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        uint32_t point = text[i];
        if (point >= 0xd800 && point < 0xdc00 && i + 1 < size && text[i + 1] >= 0xdc00 && text[i + 1] < 0xe000)
            point = 0x10000 + ((point - 0xd800) << 10) + (text[++i] - 0xdc00u);
        end = put_point(end, point);
    }
    *end = '\0';
    return narrow;
}

/* ---- Paths ---- */

char *sfx_win32_path(const wchar_t *text, size_t size)
{
    static const wchar_t unc[] = L"UNC\\";
    bool marked = size >= 4 && text[0] == L'\\' && (text[1] == L'\\' || text[1] == L'?') && text[2] == L'?' && text[3] == L'\\';
    if (marked) {
        text += 4;
        size -= 4;
    }
    bool is_unc = marked && size >= 4 && _wcsnicmp(text, unc, 4) == 0;
    char *rest = is_unc ? sfx_win32_narrow(text + 4, size - 4) : sfx_win32_narrow(text, size);
    if (!rest)
        return NULL;
    sfx_os_from_native(rest);
    if (!is_unc)
        return rest;
    size_t length = strlen(rest);
    char *path = malloc(length + 3);
    if (path)
        snprintf(path, length + 3, "//%s", rest);
    free(rest);
    return path;
}

static wchar_t *full_path(wchar_t *given)
{
    DWORD room = GetFullPathNameW(given, 0, NULL, NULL);
    wchar_t *full = room ? malloc(room * sizeof *full) : NULL;
    if (full && GetFullPathNameW(given, room, full, NULL) == 0)
        full[0] = L'\0';
    free(given);
    return full;
}

/* `\\?\` goes before whatever has no mark of its own: then nothing else is made of the name. */
wchar_t *sfx_win32_api_path(const char *path)
{
    wchar_t *wide = sfx_win32_wide(path);
    wchar_t *full = wide ? full_path(wide) : NULL;
    if (!full || full[0] == L'\0') {
        free(full);
        return NULL;
    }
    bool is_unc = full[0] == L'\\' && full[1] == L'\\';
    if (is_unc && (full[2] == L'?' || full[2] == L'.') && full[3] == L'\\')
        return full;
    const wchar_t *mark = is_unc ? L"\\\\?\\UNC\\" : L"\\\\?\\";
    const wchar_t *rest = full + (is_unc ? 2 : 0);
    size_t room = wcslen(mark) + wcslen(rest) + 1;
    wchar_t *marked = malloc(room * sizeof *marked);
    if (marked) {
        wcscpy(marked, mark);
        wcscat(marked, rest);
    }
    free(full);
    return marked;
}

char *sfx_win32_variable(const wchar_t *name)
{
    DWORD room = GetEnvironmentVariableW(name, NULL, 0);
    wchar_t *value = room > 1 ? malloc(room * sizeof *value) : NULL;
    DWORD size = value ? GetEnvironmentVariableW(name, value, room) : 0;
    char *text = size > 0 && size < room ? sfx_win32_narrow(value, size) : NULL;
    free(value);
    return text;
}
