/* How a program that runs is removed on Windows; see os.h.
 *
 * Its file can be renamed, not removed. So it goes to the folder of temporary files. When the process ends it starts a copy of
 * itself, which removes the file. The copy is open for deletion on closing, by itself and, after it has ended, by a program of
 * the system that does nothing for two seconds: whose handle is the last one to be closed. What fails leaves one file among the
 * temporary ones. */
#include "os_win32.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define MARK L"--remove-program"
#define TRIES 100u
#define TRY_MILLISECONDS 100u

static char *stranded;                   /* where the running program's file lies now */

static wchar_t *temporary(const wchar_t *suffix)
{
    wchar_t *path = malloc(1024 * sizeof *path);
    DWORD size = path ? GetTempPathW(900, path) : 0;
    if (size == 0 || size > 900) {
        free(path);
        return NULL;
    }
    swprintf(path + size, 100, L"sfxpack-%lu%ls", (unsigned long)GetCurrentProcessId(), suffix);
    return path;
}

/* A process without window, console and standard streams, that inherits one handle. */
static bool start(const wchar_t *program, wchar_t *line, HANDLE inherited)
{
    STARTUPINFOEXW info;
    PROCESS_INFORMATION made;
    SIZE_T size = 0;
    memset(&info, 0, sizeof info);
    info.StartupInfo.cb = sizeof info;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    info.lpAttributeList = malloc(size);
    bool done = info.lpAttributeList && InitializeProcThreadAttributeList(info.lpAttributeList, 1, 0, &size);
    if (done) {
        UpdateProcThreadAttribute(info.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &inherited, sizeof inherited, NULL, NULL);
        done = CreateProcessW(program, line, NULL, NULL, TRUE, EXTENDED_STARTUPINFO_PRESENT | CREATE_NO_WINDOW, NULL, NULL,
                              &info.StartupInfo, &made);
        DeleteProcThreadAttributeList(info.lpAttributeList);
    }
    free(info.lpAttributeList);
    if (done) {
        CloseHandle(made.hThread);
        CloseHandle(made.hProcess);
    }
    return done;
}

/* At the end of the process. */
static void leave(void)
{
    SECURITY_ATTRIBUTES inherits = {sizeof inherits, NULL, TRUE};
    wchar_t *from = sfx_win32_api_path(stranded);
    wchar_t *copy = temporary(L"-end.exe");
    HANDLE handle = INVALID_HANDLE_VALUE;
    wchar_t *line = NULL;
    for (int i = 0; i < 3; i++)          /* whoever reads them is to see their end */
        SetHandleInformation(sfx_win32_handle(i), HANDLE_FLAG_INHERIT, 0);
    if (from && copy && CopyFileW(from, copy, FALSE))
        handle = CreateFileW(copy, GENERIC_READ | DELETE, FILE_SHARE_READ | FILE_SHARE_DELETE, &inherits, OPEN_EXISTING,
                             FILE_FLAG_DELETE_ON_CLOSE, NULL);
    size_t room = from && copy ? wcslen(from) + wcslen(copy) + 100 : 0;
    if (handle != INVALID_HANDLE_VALUE)
        line = malloc(room * sizeof *line);
    if (line) {
        swprintf(line, room, L"\"%ls\" " MARK L" %llu \"%ls\"", copy, (unsigned long long)(uintptr_t)handle, from);
        start(copy, line, handle);
    }
    if (handle != INVALID_HANDLE_VALUE)
        CloseHandle(handle);
    free(line);
    free(copy);
    free(from);
}

/* PROGRAM --remove-program HANDLE FILE */
void sfx_win32_finish_leaving(int count, wchar_t **arguments)
{
    wchar_t system[MAX_PATH + 32];
    wchar_t line[] = L"ping.exe -n 3 127.0.0.1";
    if (count != 4 || wcscmp(arguments[1], MARK) != 0)
        return;
    HANDLE copy = (HANDLE)(uintptr_t)_wcstoui64(arguments[2], NULL, 10);
    for (unsigned i = 0; i < TRIES && !DeleteFileW(arguments[3]) && GetLastError() != ERROR_FILE_NOT_FOUND; i++)
        Sleep(TRY_MILLISECONDS);
    UINT size = GetSystemDirectoryW(system, MAX_PATH);
    if (size > 0 && size < MAX_PATH) {
        wcscat(system, L"\\ping.exe");
        start(system, line, copy);
    }
    ExitProcess(0);
}

/* Whether PATH lies below the open folder, by its own path. */
static bool lies_below(const char *path, int folder)
{
    char above[SFX_MAX_PATH + 1];
    sfx_os_path(folder, above);
    return sfx_path_is_inside(path, above);
}

/* The working folder of a process cannot be removed either. */
static void leave_working_folder(void)
{
    wchar_t system[MAX_PATH + 1];
    UINT size = GetSystemDirectoryW(system, MAX_PATH);
    if (size > 0 && size < MAX_PATH)
        SetCurrentDirectoryW(system);
}

int sfx_os_step_out(int root, int parent, const char *aside)
{
    char *self = NULL;
    char *real = NULL;
    char *there = NULL;
    int error = sfx_os_self(&self);
    leave_working_folder();
    if (!error)
        error = sfx_os_real_path(self, &real);
    bool below = !error && lies_below(real, root);
    wchar_t *wide = below ? temporary(L".exe") : NULL;
    if (wide)
        there = sfx_win32_path(wide, wcslen(wide));
    free(wide);
    if (below && there)
        error = sfx_os_rename(SFX_OS_HERE, real, SFX_OS_HERE, there, SFX_OS_REPLACE);
    if (below && (!there || error)) {
        char path[SFX_MAX_PATH + 1];
        free(there);
        sfx_os_path(parent, path);
        size_t room = strlen(path) + strlen(aside) + 8;
        there = malloc(room);
        if (there)
            snprintf(there, room, "%s/%s.exe", path, aside);
        error = there ? sfx_os_rename(SFX_OS_HERE, real, SFX_OS_HERE, there, SFX_OS_REPLACE) : ENOMEM;
    }
    if (below && !error) {
        stranded = there;
        there = NULL;
        atexit(leave);
    }
    free(there);
    free(self);
    free(real);
    return error;
}
