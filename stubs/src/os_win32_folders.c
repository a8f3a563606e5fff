/* Which folders are whose, and how paths are spelled, on Windows; see os.h. */
#include "os_win32.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

const char sfx_os_example[] = "C:\\Tools\\env";
const char sfx_os_tool[] = SFX_TOOL ".exe";
const char sfx_os_divider = ';';

/* Programs that know longer ones may have them where the system is set so. */
size_t sfx_os_common_path(void)
{
    DWORD on = 0;
    DWORD size = sizeof on;
    RegGetValueW(HKEY_LOCAL_MACHINE, L"SYSTEM\\CurrentControlSet\\Control\\FileSystem", L"LongPathsEnabled", RRF_RT_REG_DWORD, NULL, &on,
                 &size);
    return on ? SIZE_MAX : MAX_PATH - 1;
}

/* ---- Spellings ---- */

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

size_t sfx_os_root_size(const char *path)
{
    if (is_letter(path[0]) && path[1] == ':')
        return path[2] == '/' ? 3 : 2;
    if (path[0] != '/' || path[1] != '/')
        return path[0] == '/';
    size_t server = 2 + strcspn(path + 2, "/");
    size_t share = server + (path[server] != '\0');
    share += strcspn(path + share, "/");
    return share + (path[share] != '\0');
}

/* By the letters of all languages, as file systems compare names. */
bool sfx_os_same_path(const char *a, const char *b)
{
    wchar_t *left = sfx_win32_wide(a);
    wchar_t *right = sfx_win32_wide(b);
    bool same = left && right && CompareStringOrdinal(left, -1, right, -1, TRUE) == CSTR_EQUAL;
    free(left);
    free(right);
    return same;
}

char *sfx_os_native(const char *path)
{
    char *native = strdup(path);
    for (char *at = native; at && *at; at++)
        if (*at == '/')
            *at = '\\';
    return native;
}

/* `%NAME%`; one that is not set stays as it is. */
char *sfx_os_expand(const char *text)
{
    wchar_t *wide = sfx_win32_wide(text);
    DWORD room = wide ? ExpandEnvironmentStringsW(wide, NULL, 0) : 0;
    wchar_t *expanded = room ? malloc(room * sizeof *expanded) : NULL;
    DWORD size = expanded ? ExpandEnvironmentStringsW(wide, expanded, room) : 0;
    char *result = size > 0 && size <= room ? sfx_win32_narrow(expanded, wcslen(expanded)) : NULL;
    free(wide);
    free(expanded);
    return result;
}

void sfx_os_from_native(char *path)
{
    for (; *path; path++)
        if (*path == '\\')
            *path = '/';
}

/* From where a path begins, `C:/` or `//server/`, to what does not go on with it. Addresses of the web have a colon before. */
void sfx_os_show_paths(char *message)
{
    for (char *at = message; *at; at++) {
        bool begins = at == message || strchr(" '\"(=`", at[-1]) != NULL;
        bool drive = begins && is_letter(at[0]) && at[1] == ':' && at[2] == '/';
        bool share = begins && at[0] == '/' && at[1] == '/' && at[2] && at[2] != '/' && at[2] != ' ';
        if (!drive && !share)
            continue;
        for (at += drive ? 2 : 0; *at && !strchr("\"<>|;", *at) && strncmp(at, ": ", 2) != 0 && strncmp(at, ", ", 2) != 0; at++)
            if (*at == '/')
                *at = '\\';
        if (!*at)
            return;
    }
}

char *sfx_os_quote(const char *word)
{
    if (*word && !strpbrk(word, " \t&()^;,=%!'`<>|\""))
        return strdup(word);
    size_t size = strlen(word) + 3;
    char *quoted = malloc(size);
    if (quoted)
        snprintf(quoted, size, "\"%s\"", word);
    return quoted;
}

/* Names that stand for devices, whatever follows behind a dot. */
static bool is_device(const char *name, size_t size)
{
    static const char *const devices[] = {"con", "prn", "aux", "nul", "com", "lpt"};
    size_t stem = 0;
    while (stem < size && name[stem] != '.')
        stem++;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        bool numbered = i >= 4;
        if (stem == 3u + numbered && _strnicmp(name, devices[i], 3) == 0 && (!numbered || (name[3] >= '1' && name[3] <= '9')))
            return true;
    }
    return false;
}

static enum sfx_error check_names(const char *typed, const char *path, struct sfx_fault *fault)
{
    for (const char *at = path + sfx_os_root_size(path); *at;) {
        size_t size = strcspn(at, "/");
        bool dots = (size == 1 && at[0] == '.') || (size == 2 && at[0] == '.' && at[1] == '.');
        if (size != strcspn(at, "/<>\"|?*:"))
            return sfx_fail(fault, SFX_ERROR_USAGE, "%s holds one of < > \" | ? * : which no name on Windows may have; give another path",
                            typed);
        if (size > 0 && !dots && (at[size - 1] == '.' || at[size - 1] == ' '))
            return sfx_fail(fault, SFX_ERROR_USAGE, "in %s a name ends with a dot or a blank, which Windows takes away; give another path",
                            typed);
        if (is_device(at, size))
            return sfx_fail(fault, SFX_ERROR_USAGE, "in %s the name %.*s stands for a device; give another path", typed, (int)size, at);
        at += size + (at[size] != '\0');
    }
    return SFX_OK;
}

/* `\\?\C:\x`, `\\?\UNC\server\share\x` without the mark. Malloced, with `/`. */
static char *unmarked(const char *typed)
{
    char *path = strdup(typed);
    if (path)
        sfx_os_from_native(path);
    if (path && strncmp(path, "//?/UNC/", 8) == 0) {
        memmove(path + 2, path + 8, strlen(path + 8) + 1);
    } else if (path && strncmp(path, "//?/", 4) == 0) {
        memmove(path, path + 4, strlen(path + 4) + 1);
    }
    return path;
}

static int current_directory(char **ret_path)
{
    DWORD room = GetCurrentDirectoryW(0, NULL);
    wchar_t *wide = malloc((room + 1) * sizeof *wide);
    DWORD size = wide ? GetCurrentDirectoryW(room, wide) : 0;
    *ret_path = size > 0 && size < room ? sfx_win32_path(wide, size) : NULL;
    free(wide);
    size_t length = *ret_path ? strlen(*ret_path) : 0;
    if (length > 3 && (*ret_path)[length - 1] == '/')
        (*ret_path)[length - 1] = '\0';
    return *ret_path ? 0 : wide ? sfx_win32_errno(GetLastError()) : ENOMEM;
}

/* On the path that is to be completed. */
static enum sfx_error complete(const char *typed, char *path, char **ret_path, struct sfx_fault *fault)
{
    char *here = NULL;
    if (is_letter(path[0]) && path[1] == ':' && path[2] != '/')
        return sfx_fail(fault, SFX_ERROR_USAGE, "%s is relative to the working folder of drive %c:, which nobody sees; give the whole path, "
                        "for example %c:\\env", typed, path[0], path[0]);
    if (path[0] == '/' && path[1] != '/')
        return sfx_fail(fault, SFX_ERROR_USAGE, "%s has no drive; give the whole path, for example %s", typed, sfx_os_example);
    if (path[0] == '/') {
        size_t server = strcspn(path + 2, "/");
        if (server == 0 || !path[2 + server] || !path[3 + server] || path[3 + server] == '/' || path[2] == '.')
            return sfx_fail(fault, SFX_ERROR_USAGE, "%s names no folder on a server; that looks like \\\\server\\share\\folder", typed);
    }
    if (path[0] == '/' || (is_letter(path[0]) && path[1] == ':')) {
        if (path[1] == ':')
            path[0] &= (char)~0x20;
        *ret_path = strdup(path);
        return *ret_path ? SFX_OK : sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    }
    int error = current_directory(&here);
    if (error)
        return sfx_fail_os(fault, error, "cannot find the working directory; give an absolute path instead of %s", typed);
    size_t room = strlen(here) + strlen(path) + 2;
    *ret_path = malloc(room);
    if (*ret_path)
        snprintf(*ret_path, room, "%s/%s", here, path);
    free(here);
    return *ret_path ? SFX_OK : sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
}

enum sfx_error sfx_os_typed_path(const char *typed, char **ret_path, struct sfx_fault *fault)
{
    char *path = unmarked(typed);
    if (!path)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    enum sfx_error error = complete(typed, path, ret_path, fault);
    free(path);
    if (!error) {
        error = check_names(typed, *ret_path, fault);
        if (error) {
            free(*ret_path);
            *ret_path = NULL;
        }
    }
    return error;
}

/* ---- Folders ---- */

int sfx_os_self(char **ret_path)
{
    wchar_t *wide = malloc(32768 * sizeof *wide);
    DWORD size = wide ? GetModuleFileNameW(NULL, wide, 32768) : 0;
    *ret_path = size > 0 && size < 32768 ? sfx_win32_path(wide, size) : NULL;
    free(wide);
    return *ret_path ? 0 : ENOMEM;
}

int sfx_os_programs(char **ret_path)
{
    char *local = sfx_win32_variable(L"LOCALAPPDATA");
    size_t room = local ? strlen(local) + sizeof "/Programs" : 0;
    *ret_path = local ? malloc(room) : NULL;
    if (*ret_path)
        snprintf(*ret_path, room, "%s/Programs", local);
    free(local);
    return *ret_path ? 0 : ENOENT;
}

/* In `/`; NULL if there is none. */
static char *folder_of(const wchar_t *variable)
{
    char *value = sfx_win32_variable(variable);
    if (value)
        sfx_os_from_native(value);
    return value;
}

char *sfx_os_home(void)
{
    return folder_of(L"USERPROFILE");
}

static bool is_folder_of(const wchar_t *variable, const char *path)
{
    char *folder = folder_of(variable);
    bool same = folder && sfx_os_same_path(folder, path);
    free(folder);
    return same;
}

/* PATH is a folder right below, or anywhere below FOLDER. */
static bool is_below(const char *path, const char *folder, bool right_below)
{
    return folder && *folder && sfx_path_is_inside(path, folder) && (!right_below || !strchr(path + strlen(folder) + 1, '/'));
}

bool sfx_os_is_home(const char *path)
{
    char *home = sfx_os_home();
    char *slash = home ? strrchr(home, '/') : NULL;
    bool is = home && sfx_os_same_path(home, path);
    if (slash)
        *slash = '\0';                   /* the folder of all homes */
    is = is || (slash && is_below(path, home, true));
    free(home);
    return is;
}

/* A drive, Windows and all below it, and the folders that hold what belongs to many. */
bool sfx_os_is_reserved(const char *path)
{
    static const wchar_t *const many[] = {
        L"ProgramFiles", L"ProgramFiles(x86)", L"ProgramW6432", L"CommonProgramFiles", L"CommonProgramFiles(x86)", L"ProgramData",
        L"ALLUSERSPROFILE", L"PUBLIC", L"APPDATA", L"LOCALAPPDATA", L"TEMP", L"SystemRoot",
    };
    if (path[sfx_os_root_size(path)] == '\0')
        return true;
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        if (is_folder_of(many[i], path))
            return true;
    char *windows = folder_of(L"SystemRoot");
    char *home = sfx_os_home();
    char *slash = home ? strrchr(home, '/') : NULL;
    if (slash)
        *slash = '\0';
    bool is = is_below(path, windows, false) || (slash && sfx_os_same_path(home, path));
    free(windows);
    free(home);
    return is;
}
