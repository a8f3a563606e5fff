/* What the Windows modules behind os.h share.
 *
 * A descriptor is the handle's own number: handles are multiples of 4 below 2^31, so 0, 1 and 2 are left for the standard
 * streams. Paths are UTF-8 with `/` in between (os.h); files are opened by the kernel's names, which know no length of 260 and
 * no names that stand for devices, below the folder that is given as a handle. */
#ifndef SFX_OS_WIN32_H
#define SFX_OS_WIN32_H

#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <winioctl.h>
#include <winternl.h>

#include "os.h"

#define SFX_SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

/* ---- os_win32_text.c ---- */

/* An errno for what the system reports. */
int sfx_win32_errno(DWORD error);
int sfx_win32_status(NTSTATUS status);
/* The last error as an errno if DONE is false, else 0. */
int sfx_win32_result(BOOL done);
/* UTF-16 of UTF-8 and back; malloced, NULL without memory. Halves of surrogate pairs, which file names may hold, come through both. */
wchar_t *sfx_win32_wide(const char *text);
char *sfx_win32_narrow(const wchar_t *text, size_t size);
/* As the system spells an absolute path, `\\?\C:\x` too, in this program's spelling; malloced. */
char *sfx_win32_path(const wchar_t *text, size_t size);
/* PATH, absolute or from the working directory, for functions of the Windows API; malloced. */
wchar_t *sfx_win32_api_path(const char *path);
/* A variable of the environment; malloced, NULL if it is not set or empty. */
char *sfx_win32_variable(const wchar_t *name);

/* ---- os_win32.c ---- */

HANDLE sfx_win32_handle(int fd);
int sfx_win32_fd(HANDLE handle);

/* PATH below DIRECTORY as the kernel takes it. */
struct sfx_win32_name {
    HANDLE root;                         /* NULL: TEXT is absolute */
    wchar_t *text;                       /* malloced */
    size_t length;
};
int sfx_win32_name(int directory, const char *path, struct sfx_win32_name *ret_name);
void sfx_win32_name_free(struct sfx_win32_name *name);
#define SFX_CLEAN_NAME __attribute__((cleanup(sfx_win32_name_free)))

struct sfx_win32_opening {
    ACCESS_MASK access;
    ULONG disposition;                   /* FILE_OPEN, FILE_CREATE, ... */
    ULONG options;
};
NTSTATUS sfx_win32_open(int directory, const char *path, const struct sfx_win32_opening *opening, HANDLE *ret_handle);
void sfx_win32_closep(HANDLE *handle);
#define SFX_CLEAN_HANDLE __attribute__((cleanup(sfx_win32_closep)))
/* Whether a file in use was waited for: another program, often a virus scanner, holds it for a moment. WAITED counts
 * milliseconds, from 0. */
bool sfx_win32_waits(NTSTATUS status, bool renames, unsigned *waited);

/* ---- os_win32_machine.c ---- */


bool sfx_win32_is_console(HANDLE handle);

/* ---- os_win32_stdio.c ---- */

/* UTF-8 on a console. */
bool sfx_win32_show(HANDLE console, const char *data, size_t size);

/* ---- os_win32_flush.c ---- */

/* What was written to it goes to the disk, if it is to be kept; before it is closed. */
int sfx_win32_settle(HANDLE handle);

/* ---- os_win32_run.c ---- */

/* Words as programs take a command line apart; malloced. IS_SCRIPT: what follows `/s /c` is a batch file, for cmd alone. */
wchar_t *sfx_win32_command_line(const char *const *arguments, bool is_script);

/* ---- os_win32_leave.c ---- */

/* In the process that was started to remove what another one was: does that and ends. Else it returns. */
void sfx_win32_finish_leaving(int count, wchar_t **arguments);

/* ---- os_win32_arguments.c ---- */

/* The command line as the parser takes it; kept until the process ends. As given, if memory is short. */
void sfx_win32_arguments(int *count, char ***arguments);

#endif
