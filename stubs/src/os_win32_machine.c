/* Process, machine and console on Windows; see os.h. */
#include "os_win32.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* ---- Interruptions ---- */

static volatile LONG interruption;

/* Called in a thread of the system's. When the window is closed, or the session, the process ends with the return, or some
 * seconds later; until then this program undoes what it did. */
static BOOL WINAPI on_control(DWORD event)
{
    InterlockedExchange(&interruption, event == CTRL_C_EVENT ? SIGINT : SIGTERM);
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
        Sleep(INFINITE);
    return TRUE;
}

void sfx_os_hold_signals(bool hold)
{
    (void)hold;
}

int sfx_os_interrupted(void)
{
    return interruption;
}

/* ---- The console ---- */

static DWORD modes[3];                   /* of the standard streams before, 0: unchanged */

bool sfx_win32_is_console(HANDLE handle)
{
    DWORD mode;
    return GetConsoleMode(handle, &mode) != 0;
}

static void restore_console(void)
{
    for (int i = 1; i < 3; i++)
        if (modes[i])
            SetConsoleMode(sfx_win32_handle(i), modes[i]);
}

/* Sequences that erase a line. */
static void prepare_console(void)
{
    const DWORD sequences = 4;           /* ENABLE_VIRTUAL_TERMINAL_PROCESSING */
    for (int i = 1; i < 3; i++) {
        HANDLE handle = sfx_win32_handle(i);
        DWORD mode;
        if (GetConsoleMode(handle, &mode) && !(mode & sequences) && SetConsoleMode(handle, mode | sequences))
            modes[i] = mode;
    }
    atexit(restore_console);
}

/* Libraries are those of the system alone, not what lies beside this file in a folder of downloads. */
void sfx_os_prepare(int *count, char ***arguments)
{
    SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32);
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX);
    SetConsoleCtrlHandler(on_control, TRUE);
    for (int i = 0; i < 3; i++)
        _setmode(i, _O_BINARY);
    prepare_console();
    sfx_win32_arguments(count, arguments);
}

bool sfx_os_is_terminal(int fd)
{
    return sfx_win32_is_console(sfx_win32_handle(fd));
}

void sfx_os_terminal_size(int fd, unsigned *ret_rows, unsigned *ret_columns)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    bool known = GetConsoleScreenBufferInfo(sfx_win32_handle(fd), &info) && info.srWindow.Bottom > info.srWindow.Top &&
                 info.srWindow.Right > info.srWindow.Left;
    *ret_rows = known ? (unsigned)(info.srWindow.Bottom - info.srWindow.Top + 1) : 24;
    *ret_columns = known ? (unsigned)(info.srWindow.Right - info.srWindow.Left + 1) : 80;
}

/* One unit of UTF-16 from the console, one byte elsewhere. */
static int read_unit(HANDLE handle, bool is_console, wchar_t *ret_unit)
{
    DWORD got = 0;
    uint8_t byte = 0;
    SetLastError(ERROR_SUCCESS);
    BOOL done = is_console ? ReadConsoleW(handle, ret_unit, 1, &got, NULL) : ReadFile(handle, &byte, 1, &got, NULL);
    for (int i = 0; got == 0 && GetLastError() == ERROR_OPERATION_ABORTED && !interruption && i < 20; i++)
        Sleep(10);                       /* the other thread says which event it was */
    if (interruption)
        return EINTR;
    if (!done && GetLastError() != ERROR_BROKEN_PIPE)
        return sfx_win32_errno(GetLastError());
    if (!is_console)
        *ret_unit = byte;
    return got == 0 || (is_console && *ret_unit == 26) ? ENODATA : 0;        /* Ctrl-Z */
}

int sfx_os_read_line(int fd, char *buffer, size_t size)
{
    HANDLE handle = sfx_win32_handle(fd);
    bool is_console = sfx_win32_is_console(handle);
    wchar_t line[2048];
    size_t used = 0;
    for (;;) {
        wchar_t unit;
        int error = read_unit(handle, is_console, &unit);
        if (error == ENODATA && used > 0)
            break;
        if (error)
            return error;
        if (unit == L'\n')
            break;
        if (used + 1 >= sizeof line / sizeof *line)
            return ENAMETOOLONG;
        line[used++] = unit;
    }
    while (used > 0 && line[used - 1] == L'\r')
        used--;
    char *text = is_console ? sfx_win32_narrow(line, used) : NULL;
    size_t length = text ? strlen(text) : used;
    if ((is_console && !text) || length >= size) {
        free(text);
        return text ? ENAMETOOLONG : ENOMEM;
    }
    for (size_t i = 0; i < length; i++)
        buffer[i] = text ? text[i] : (char)line[i];
    buffer[length] = '\0';
    free(text);
    return 0;
}

/* ---- This process and others ---- */

static uint64_t start_of(HANDLE process)
{
    FILETIME made, ended, kernel, user;
    if (!GetProcessTimes(process, &made, &ended, &kernel, &user))
        return 0;
    return (uint64_t)made.dwHighDateTime << 32 | made.dwLowDateTime;
}

/* No boot: number and start time of a process tell it from every other one, also of an earlier boot. */
void sfx_os_process(struct sfx_os_process *ret_process)
{
    wchar_t host[128];
    DWORD size = sizeof host / sizeof *host;
    memset(ret_process, 0, sizeof *ret_process);
    char *name = GetComputerNameExW(ComputerNameDnsHostname, host, &size) ? sfx_win32_narrow(host, size) : NULL;
    snprintf(ret_process->host, sizeof ret_process->host, "%s", name && *name ? name : "localhost");
    free(name);
    ret_process->pid = GetCurrentProcessId();
    ret_process->start = start_of(GetCurrentProcess());
}

bool sfx_os_is_alive(uint64_t pid, uint64_t start)
{
    if (pid == 0 || pid > UINT32_MAX)
        return false;
    SFX_CLEAN_HANDLE HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, (DWORD)pid);
    if (!process)
        return GetLastError() == ERROR_ACCESS_DENIED;
    if (WaitForSingleObject(process, 0) == WAIT_OBJECT_0)
        return false;                    /* it has ended, and someone else has it open */
    uint64_t found = start_of(process);
    return found == 0 || start == 0 || found == start;
}

bool sfx_os_is_root(void)
{
    return false;
}

/* ---- The machine ---- */

/* What this program is compiled for runs here, or it would not have started: on ARM also what is made for x86-64. */
void sfx_os_machine(char ret_system[64], char ret_machine[64])
{
#if defined(__x86_64__)
    static const char machine[] = "x86_64";
#else
    static const char machine[] = "arm64";
#endif
    memcpy(ret_system, "windows", sizeof "windows");
    memcpy(ret_machine, machine, sizeof machine);
}

#if defined(__x86_64__)
static bool has_all(unsigned found, unsigned wanted)
{
    return (found & wanted) == wanted;
}

/* What the system saves when it switches threads (XCR0). */
static unsigned saved_state(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/* The levels of the x86-64 psABI. */
int sfx_os_cpu_level(void)
{
    unsigned eax, ebx, ecx, edx, unused, extended = 0, second_b = 0;
    const unsigned v2 = bit_SSE3 | bit_SSSE3 | bit_CMPXCHG16B | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT;
    const unsigned v3 = bit_AVX | bit_FMA | bit_MOVBE | bit_F16C | bit_OSXSAVE;
    const unsigned v3_second = bit_AVX2 | bit_BMI | bit_BMI2;
    const unsigned v4_second = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return 0;
    __get_cpuid(0x80000001, &eax, &unused, &extended, &edx);
    __get_cpuid_count(7, 0, &eax, &second_b, &unused, &edx);
    if (!has_all(ecx, v2) || !(extended & bit_LAHF_LM))
        return 1;
    if (!has_all(ecx, v3) || !has_all(second_b, v3_second) || !(extended & 0x20u) || !has_all(saved_state(), 0x6u))
        return 2;                        /* 0x20: LZCNT */
    return has_all(second_b, v4_second) && has_all(saved_state(), 0xe6u) ? 4 : 3;
}
#else
int sfx_os_cpu_level(void)
{
    return 0;
}
#endif

unsigned sfx_os_cpu_count(void)
{
    DWORD_PTR own = 0, all = 0;
    unsigned count = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &own, &all))
        for (; own; own &= own - 1)
            count++;
    return count ? count : 1;
}

unsigned sfx_os_descriptors(void)
{
    return UINT32_MAX;
}

unsigned sfx_os_guards(void)
{
    return 0;
}

/* ---- Time ---- */

uint64_t sfx_os_milliseconds(void)
{
    return GetTickCount64();
}

uint64_t sfx_os_time(void)
{
    time_t now = time(NULL);
    return now < 0 ? 0 : (uint64_t)now;
}

void sfx_os_date(char ret_date[32])
{
    SYSTEMTIME now;
    GetSystemTime(&now);
    snprintf(ret_date, 32, "%04u-%02u-%02uT%02u:%02u:%02uZ", now.wYear, now.wMonth, now.wDay, now.wHour, now.wMinute, now.wSecond);
}

void sfx_os_sleep(unsigned milliseconds)
{
    Sleep(milliseconds);
}
