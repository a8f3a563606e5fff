/* Links and real paths on Windows; see os.h. */
#include "os_win32.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <winioctl.h>

#define LARGEST_REPARSE 16384u           /* MAXIMUM_REPARSE_DATA_BUFFER_SIZE (ntifs.h) */

/* ---- Reading ---- */

/* REPARSE_DATA_BUFFER (ntifs.h) of a symbolic link and of a junction. */
struct reparse {
    ULONG tag;
    USHORT size;
    USHORT reserved;
    USHORT target_offset;                /* in bytes, into the names */
    USHORT target_size;
    USHORT shown_offset;
    USHORT shown_size;
    union {
        struct { ULONG flags; wchar_t names[1]; } link;
        struct { wchar_t names[1]; } junction;
    } of;
};

/* With `/`, as links of other systems have it; the rendering of one is compared after the same change. */
static int text_of(const struct reparse *reparse, char **ret_text)
{
    const wchar_t *names = reparse->tag == IO_REPARSE_TAG_SYMLINK ? reparse->of.link.names : reparse->of.junction.names;
    if (reparse->tag != IO_REPARSE_TAG_SYMLINK && reparse->tag != IO_REPARSE_TAG_MOUNT_POINT)
        return EINVAL;
    *ret_text = sfx_win32_path(names + reparse->target_offset / sizeof *names, reparse->target_size / sizeof *names);
    return *ret_text ? 0 : ENOMEM;
}

int sfx_os_read_link(int directory, const char *path, char **ret_text)
{
    const struct sfx_win32_opening opening = {0, FILE_OPEN, FILE_OPEN_REPARSE_POINT};
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    DWORD got;
    int error = sfx_win32_status(sfx_win32_open(directory, path, &opening, &handle));
    if (error)
        return error;
    struct reparse *reparse = malloc(LARGEST_REPARSE);
    if (!reparse)
        return ENOMEM;
    error = sfx_win32_result(DeviceIoControl(handle, FSCTL_GET_REPARSE_POINT, NULL, 0, reparse, LARGEST_REPARSE, &got, NULL));
    if (!error)
        error = text_of(reparse, ret_text);
    free(reparse);
    return error;
}

/* ---- Making ---- */

/* The path of what is called PATH below DIRECTORY, for the Windows API; malloced. */
static wchar_t *api_path(int directory, const char *path)
{
    wchar_t *below = sfx_win32_wide(path);
    wchar_t *whole = directory == SFX_OS_HERE ? sfx_win32_api_path(path) : malloc(32768 * sizeof *whole);
    if (directory != SFX_OS_HERE && whole && below) {
        DWORD size = GetFinalPathNameByHandleW(sfx_win32_handle(directory), whole, 32768, FILE_NAME_OPENED | VOLUME_NAME_DOS);
        if (size == 0 || size + wcslen(below) + 2 > 32768) {
            free(whole);
            whole = NULL;
        } else {
            wcscat(whole, L"\\");
            wcscat(whole, below);
        }
    }
    for (wchar_t *at = whole; at && *at; at++)
        if (*at == L'/')
            *at = L'\\';
    free(below);
    return whole;
}

/* Whether TEXT, as a link at PATH would have it, leads to a folder. */
static bool leads_to_folder(const wchar_t *path, const wchar_t *text)
{
    const wchar_t *slash = wcsrchr(path, L'\\');
    bool is_absolute = text[0] == L'\\' || (text[0] && text[1] == L':');
    size_t kept = is_absolute || !slash ? 0 : (size_t)(slash - path) + 1;
    size_t room = kept + wcslen(text) + 1;
    wchar_t *target = malloc(room * sizeof *target);
    if (!target)
        return false;
    memcpy(target, path, kept * sizeof *target);
    wcscpy(target + kept, text);
    wchar_t *full = malloc(32768 * sizeof *full);            /* without `..`, which `\\?\` does not take */
    DWORD size = full ? GetFullPathNameW(target + (kept ? 4 : 0), 32768, full, NULL) : 0;
    DWORD attributes = size > 0 && size < 32768 ? GetFileAttributesW(full) : INVALID_FILE_ATTRIBUTES;
    free(full);
    free(target);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

int sfx_os_make_link(const char *text, int directory, const char *path)
{
    struct sfx_os_stat made;
    wchar_t *target = sfx_win32_wide(text);
    wchar_t *link = api_path(directory, path);
    int error = target && link ? 0 : ENOMEM;
    for (wchar_t *at = target; at && *at; at++)
        if (*at == L'/')
            *at = L'\\';
    if (!error) {
        DWORD flags = leads_to_folder(link, target) ? SYMBOLIC_LINK_FLAG_DIRECTORY : 0;
        const DWORD unprivileged = 2;    /* in developer mode, since Windows 10 */
        BOOLEAN done = CreateSymbolicLinkW(link, target, flags | unprivileged);
        if (!done && GetLastError() == ERROR_INVALID_PARAMETER)
            done = CreateSymbolicLinkW(link, target, flags);
        error = sfx_win32_result(done);
        if (!error && sfx_os_stat(directory, path, &made) != 0)              /* some say so and do nothing */
            error = ENOTSUP;
    }
    free(target);
    free(link);
    return error;
}

/* ---- Where a path leads ---- */

int sfx_os_real_path(const char *path, char **ret_path)
{
    const struct sfx_win32_opening opening = {0, FILE_OPEN, 0};
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    *ret_path = NULL;
    int error = sfx_win32_status(sfx_win32_open(SFX_OS_HERE, path, &opening, &handle));
    if (error)
        return error;
    wchar_t *wide = malloc(32768 * sizeof *wide);
    DWORD size = wide ? GetFinalPathNameByHandleW(handle, wide, 32768, FILE_NAME_NORMALIZED | VOLUME_NAME_DOS) : 0;
    if (wide && (size == 0 || size >= 32768))
        error = sfx_win32_errno(GetLastError());
    else
        *ret_path = wide ? sfx_win32_path(wide, size) : NULL;
    free(wide);
    return error ? error : *ret_path ? 0 : ENOMEM;
}
