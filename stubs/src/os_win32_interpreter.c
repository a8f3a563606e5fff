/* The interpreters that Windows brings along; see os.h. */
#include "os_win32.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sfx_os_signal_of(int status)
{
    (void)status;
    return 0;
}

/* Below the system's folder; malloced. */
static char *system_program(const wchar_t *name)
{
    wchar_t path[MAX_PATH + 64];
    UINT size = GetSystemDirectoryW(path, MAX_PATH);
    if (size == 0 || size >= MAX_PATH)
        return NULL;
    wcscat(path, name);
    return sfx_win32_path(path, wcslen(path));
}

static char *searched_program(const wchar_t *name)
{
    wchar_t *path = malloc(32768 * sizeof *path);
    DWORD size = path ? SearchPathW(NULL, name, NULL, 32768, path, NULL) : 0;
    char *found = size > 0 && size < 32768 ? sfx_win32_path(path, size) : NULL;
    free(path);
    return found;
}

/* A batch file's first line would be run: it becomes a comment. PowerShell 5 takes a text without the mark for one of the old code
 * page, and the first line for a comment anyway. */
int sfx_os_interpreter(const char *name, struct sfx_os_interpreter *ret_interpreter)
{
    struct sfx_os_interpreter *found = ret_interpreter;
    memset(found, 0, sizeof *found);
    if (_stricmp(name, "cmd") == 0) {
        *found = (struct sfx_os_interpreter){system_program(L"\\cmd.exe"), {"/d", "/s", "/c", NULL}, ".bat", "@rem ", true};
    } else if (_stricmp(name, "powershell") == 0 || _stricmp(name, "pwsh") == 0) {
        *found = (struct sfx_os_interpreter){NULL, {"-NoProfile", "-ExecutionPolicy", "Bypass", "-File", NULL}, ".ps1", "\xef\xbb\xbf", true};
        found->path = _stricmp(name, "pwsh") == 0 ? searched_program(L"pwsh.exe")
                                                  : system_program(L"\\WindowsPowerShell\\v1.0\\powershell.exe");
    } else {
        return ENOENT;
    }
    return found->path ? 0 : ENOMEM;
}
