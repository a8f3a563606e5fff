/* Links and real paths on Windows; see os.h. */
#include "os_win32.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
    FILE_ATTRIBUTE_TAG_INFO tag;
    DWORD got;
    int error = sfx_win32_status(sfx_win32_open(directory, path, &opening, &handle));
    if (error)
        return error;
    if (!GetFileInformationByHandleEx(handle, FileAttributeTagInfo, &tag, sizeof tag) || !(tag.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT))
        return EINVAL;
    struct reparse *reparse = malloc(LARGEST_REPARSE);
    if (!reparse)
        return ENOMEM;
    error = sfx_win32_result(DeviceIoControl(handle, FSCTL_GET_REPARSE_POINT, NULL, 0, reparse, LARGEST_REPARSE, &got, NULL));
    if (!error)
        error = text_of(reparse, ret_text);
    free(reparse);
    return error;
}

/* ---- Paths ---- */

/* In place. */
static void use_backslashes(wchar_t *text)
{
    for (; text && *text; text++)
        if (*text == L'/')
            *text = L'\\';
}

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
    use_backslashes(whole);
    free(below);
    return whole;
}

static bool is_absolute(const wchar_t *text)
{
    return text[0] == L'\\' || (text[0] && text[1] == L':');
}

/* Where TEXT leads from LINK, both as Windows spells them; malloced, with `\\?\` if LINK has it. */
static wchar_t *resolve(const wchar_t *link, const wchar_t *text)
{
    const wchar_t *slash = wcsrchr(link, L'\\');
    size_t kept = is_absolute(text) || !slash ? 0 : (size_t)(slash - link) + 1;
    bool marked = kept >= 4 && wcsncmp(link, L"\\\\?\\", 4) == 0;
    wchar_t *target = malloc((kept + wcslen(text) + 1) * sizeof *target);
    wchar_t *full = malloc(32768 * sizeof *full);            /* without `..`, which `\\?\` does not take */
    DWORD size = 0;
    if (target && full) {
        memcpy(target, link, kept * sizeof *target);
        wcscpy(target + kept, text);
        wcscpy(full, marked ? L"\\\\?\\" : L"");
        size = GetFullPathNameW(target + (marked ? 4 : 0), 32760, full + (marked ? 4 : 0), NULL);
    }
    free(target);
    if (size > 0 && size < 32760)
        return full;
    free(full);
    return NULL;
}

/* What TEXT names from the final place of the link. */
static wchar_t *resolve_final(const char *root, const char *path, const wchar_t *text)
{
    wchar_t *place = sfx_win32_wide(root);
    wchar_t *below = sfx_win32_wide(path);
    size_t room = place && below ? wcslen(place) + wcslen(below) + 2 : 0;
    wchar_t *link = room ? malloc(room * sizeof *link) : NULL;
    wchar_t *target = NULL;
    if (link) {
        wcscpy(link, place);
        wcscat(link, L"\\");
        wcscat(link, below);
        use_backslashes(link);
        target = resolve(link, text);
    }
    free(place);
    free(below);
    free(link);
    return target;
}

/* ---- Instead of a link ---- */

static int make_junction(int directory, const char *path, const wchar_t *target)
{
    const struct sfx_win32_opening opening = {FILE_WRITE_ATTRIBUTES | FILE_WRITE_DATA | DELETE, FILE_CREATE, FILE_DIRECTORY_FILE};
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    struct reparse *reparse = calloc(1, LARGEST_REPARSE);
    size_t length = wcslen(target);
    DWORD got;
    if (!reparse || length > 4000) {
        free(reparse);
        return reparse ? ENAMETOOLONG : ENOMEM;
    }
    wchar_t *names = reparse->of.junction.names;
    wcscpy(names, L"\\??\\");
    wcscat(names, target);
    wcscpy(names + length + 5, target);
    reparse->tag = IO_REPARSE_TAG_MOUNT_POINT;
    reparse->target_size = (USHORT)((length + 4) * sizeof *names);
    reparse->shown_offset = (USHORT)((length + 5) * sizeof *names);
    reparse->shown_size = (USHORT)(length * sizeof *names);
    reparse->size = (USHORT)(8 + reparse->shown_offset + reparse->shown_size + sizeof *names);
    int error = sfx_win32_status(sfx_win32_open(directory, path, &opening, &handle));
    if (!error)
        error = sfx_win32_result(DeviceIoControl(handle, FSCTL_SET_REPARSE_POINT, reparse, 8u + reparse->size, NULL, 0, &got, NULL));
    free(reparse);
    sfx_win32_closep(&handle);
    if (error && error != EEXIST)
        sfx_os_remove_directory(directory, path);
    return error;
}

/* A junction for a folder, another name or a copy for a file. TEXT as Windows spells it. */
static int make_instead(const wchar_t *text, int directory, const char *root, const char *path, const wchar_t *link)
{
    wchar_t *now = resolve(link, text);
    wchar_t *final = resolve_final(root, path, text);
    DWORD attributes = now ? GetFileAttributesW(now) : INVALID_FILE_ATTRIBUTES;
    int error = now && final ? 0 : ENOMEM;
    if (!error && attributes == INVALID_FILE_ATTRIBUTES)
        error = ENOENT;
    else if (!error && attributes & FILE_ATTRIBUTE_DIRECTORY)
        error = make_junction(directory, path, final);
    else if (!error && !CreateHardLinkW(link, now, NULL))
        error = sfx_win32_result(CopyFileW(now, link, TRUE));
    free(now);
    free(final);
    return error;
}

/* ---- Links ---- */

static int make_symbolic(const wchar_t *link, const wchar_t *text)
{
    const DWORD unprivileged = 2;        /* in developer mode, since Windows 10 */
    wchar_t *target = resolve(link, text);
    DWORD attributes = target ? GetFileAttributesW(target) : INVALID_FILE_ATTRIBUTES;
    bool is_folder = attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
    DWORD flags = is_folder ? SYMBOLIC_LINK_FLAG_DIRECTORY : 0;
    free(target);
    BOOLEAN done = CreateSymbolicLinkW(link, text, flags | unprivileged);
    if (!done && GetLastError() == ERROR_INVALID_PARAMETER)
        done = CreateSymbolicLinkW(link, text, flags);
    return sfx_win32_result(done);
}

int sfx_os_make_link(const char *text, int directory, const char *root, const char *path)
{
    struct sfx_os_stat made;
    wchar_t *target = sfx_win32_wide(text);
    wchar_t *link = api_path(directory, path);
    int error = target && link ? 0 : ENOMEM;
    use_backslashes(target);
    if (!error)
        error = make_symbolic(link, target);
    bool is_there = !error && sfx_os_stat(directory, path, &made) == 0;       /* some say so and do nothing */
    if (target && link && !is_there && error != EEXIST)
        error = make_instead(target, directory, root, path, link);
    free(target);
    free(link);
    return error;
}

static bool is_same_file(int directory, const char *path, const wchar_t *target)
{
    struct sfx_os_stat one;
    struct sfx_os_stat two;
    char *other = target ? sfx_win32_path(target, wcslen(target)) : NULL;
    bool same = other && sfx_os_stat(directory, path, &one) == 0 && sfx_os_stat(SFX_OS_HERE, other, &two) == 0 &&
                one.kind == SFX_OS_FILE && two.kind == SFX_OS_FILE &&
                ((one.inode == two.inode && one.device == two.device) || (one.size == two.size && one.mtime == two.mtime));
    free(other);
    return same;
}

bool sfx_os_is_link(const char *text, int directory, const char *root, const char *path)
{
    char *found = NULL;
    wchar_t *wanted = sfx_win32_wide(text);
    wchar_t *link = api_path(directory, path);
    use_backslashes(wanted);
    if (!wanted || !link) {
        free(wanted);
        free(link);
        return false;
    }
    bool reads = sfx_os_read_link(directory, path, &found) == 0;
    wchar_t *final = resolve_final(root, path, wanted);
    wchar_t *now = resolve(link, wanted);
    char *spelled = sfx_win32_path(wanted, wcslen(wanted));
    char *absolute = final ? sfx_win32_path(final, wcslen(final)) : NULL;
    bool same = reads ? (spelled && sfx_os_same_path(found, spelled)) || (absolute && sfx_os_same_path(found, absolute))
                      : is_same_file(directory, path, now);
    free(found);
    free(wanted);
    free(link);
    free(final);
    free(now);
    free(spelled);
    free(absolute);
    return same;
}

static bool is_developer(void)
{
    DWORD on = 0;
    DWORD size = sizeof on;
    RegGetValueW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\AppModelUnlock",
                 L"AllowDevelopmentWithoutDevLicense", RRF_RT_REG_DWORD, NULL, &on, &size);
    return on != 0;
}

bool sfx_os_may_link(void)
{
    SFX_CLEAN_HANDLE HANDLE token = NULL;
    _Alignas(8) uint8_t buffer[4096];
    const TOKEN_PRIVILEGES *held = (const void *)buffer;
    LUID wanted;
    DWORD size;
    bool may = is_developer();
    if (may || !OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) ||
        !LookupPrivilegeValueW(NULL, L"SeCreateSymbolicLinkPrivilege", &wanted) ||
        !GetTokenInformation(token, TokenPrivileges, buffer, sizeof buffer, &size))
        return may;
    for (DWORD i = 0; !may && i < held->PrivilegeCount; i++)
        may = held->Privileges[i].Luid.LowPart == wanted.LowPart && held->Privileges[i].Luid.HighPart == wanted.HighPart;
    return may;
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
