/* What is to be on the disk when the power goes, on Windows; see os.h.
 *
 * Only administrators may flush a volume. For others each file's data goes to the disk when the file is closed, by whichever
 * thread wrote it and without emptying the disk's own cache; the one flush at the end does that for all, and writes the log of
 * the file system, by which names and sizes of everything before are kept. */
#include "os_win32.h"

#include <errno.h>
#include <stdio.h>

static bool each_file;                   /* its data goes to the disk when it is closed */
static bool whole_volumes;

static bool is_elevated(void)
{
    SFX_CLEAN_HANDLE HANDLE token = NULL;
    TOKEN_ELEVATION elevation = {0};
    DWORD size;
    return OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) &&
           GetTokenInformation(token, TokenElevation, &elevation, sizeof elevation, &size) && elevation.TokenIsElevated;
}

void sfx_os_keep_writes(bool keep)
{
    whole_volumes = keep && is_elevated();
    each_file = keep && !whole_volumes;
}

/* Flushing without a sync of the disk is known since Windows 8. */
typedef NTSTATUS NTAPI flush(HANDLE handle, ULONG flags, void *parameters, ULONG size, IO_STATUS_BLOCK *block);
#define DATA_ONLY 1u                     /* FLUSH_FLAGS_FILE_DATA_ONLY (ntifs.h) */
#define CLASS_ACCESS ((FILE_INFORMATION_CLASS)8)

static flush *find_flush(void)
{
    HMODULE library = GetModuleHandleW(L"ntdll.dll");
    return library ? (flush *)(void *)GetProcAddress(library, "NtFlushBuffersFileEx") : NULL;
}

static bool is_written(HANDLE handle)
{
    ACCESS_MASK access = 0;
    IO_STATUS_BLOCK block;
    return NtQueryInformationFile(handle, &block, &access, sizeof access, CLASS_ACCESS) >= 0 && (access & FILE_WRITE_DATA) &&
           GetFileType(handle) == FILE_TYPE_DISK;
}

int sfx_win32_settle(HANDLE handle)
{
    static flush *found;
    IO_STATUS_BLOCK block;
    if (!each_file || !is_written(handle))
        return 0;
    if (!found)
        found = find_flush();
    NTSTATUS status = found ? found(handle, DATA_ONLY, NULL, 0, &block) : 0;
    int error = sfx_win32_status(status);
    return error == ENOSPC || error == EDQUOT || error == EIO ? error : 0;   /* where it cannot be done it is not done */
}

/* A folder has nothing to be written by itself here. */
int sfx_os_sync_file(int fd)
{
    int error = sfx_win32_result(FlushFileBuffers(sfx_win32_handle(fd)));
    return error == EACCES || error == EINVAL || error == ENOTSUP ? 0 : error;
}

static void flush_volume(int fd)
{
    char path[SFX_MAX_PATH + 1];
    wchar_t volume[] = L"\\\\.\\C:";
    sfx_os_path(fd, path);
    if (path[0] == '\0' || path[1] != ':')
        return;
    volume[4] = (wchar_t)path[0];
    HANDLE handle = CreateFileW(volume, GENERIC_WRITE, SFX_SHARE_ALL, NULL, OPEN_EXISTING, 0, NULL);
    if (handle == INVALID_HANDLE_VALUE)
        return;
    FlushFileBuffers(handle);
    CloseHandle(handle);
}

int sfx_os_sync_system(int fd)
{
    const struct sfx_win32_opening opening = {FILE_GENERIC_WRITE | DELETE, FILE_SUPERSEDE, FILE_NON_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE};
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    char name[64];
    DWORD put;
    if (whole_volumes)
        flush_volume(fd);
    snprintf(name, sizeof name, ".sfxpack-flush-%lu", (unsigned long)GetCurrentProcessId());
    int error = sfx_win32_status(sfx_win32_open(fd, name, &opening, &handle));
    if (!error)
        error = sfx_win32_result(WriteFile(handle, "\n", 1, &put, NULL));
    return error ? error : sfx_win32_result(FlushFileBuffers(handle));
}
