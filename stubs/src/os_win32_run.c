/* Running a program on Windows; see os.h.
 *
 * It gets the console of this program, and with it Ctrl-C; what it starts belongs to the same job, which ends with this process
 * and, some seconds after an interruption, with everything in it. */
#include "os_win32.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MILLISECONDS 20u
#define GRACE_MILLISECONDS 5000u         /* from an interruption to the end of the job */
#define LAST_PARTS 32u                   /* more than a pipe holds: what is read after the end, though others may go on writing */

struct child {
    HANDLE process;
    HANDLE job;
    HANDLE outputs[2];                   /* of its standard output and error; NULL: ended */
};

struct line {
    wchar_t *text;
    size_t size;
    size_t room;
};

static bool put(struct line *line, const wchar_t *text, size_t size)
{
    if (line->size + size + 1 > line->room) {
        size_t larger = (line->room + size + 64) * 2;
        wchar_t *grown = realloc(line->text, larger * sizeof *grown);
        if (!grown)
            return false;
        line->text = grown;
        line->room = larger;
    }
    memcpy(line->text + line->size, text, size * sizeof *text);
    line->size += size;
    line->text[line->size] = L'\0';
    return true;
}

/* In UTF-16, malloced. Some programs take a `/` in their own name for the beginning of an option. */
static wchar_t *native_path(const char *path)
{
    wchar_t *wide = sfx_win32_wide(path);
    for (wchar_t *at = wide; at && *at; at++)
        if (*at == L'/')
            *at = L'\\';
    return wide;
}

/* ---- Command line ---- */

/* As CommandLineToArgvW takes it apart: backslashes count double before a quote. */
static bool put_quoted(struct line *line, const wchar_t *word)
{
    bool done = put(line, L"\"", 1);
    while (done && *word) {
        size_t slashes = wcsspn(word, L"\\");
        bool doubles = word[slashes] == L'"' || word[slashes] == L'\0';
        for (size_t i = 0; done && i < slashes; i++)
            done = put(line, L"\\\\", doubles ? 2 : 1);
        word += slashes;
        if (done && *word == L'"')
            done = put(line, L"\\\"", 2);
        else if (done && *word)
            done = put(line, word, 1);
        word += *word != L'\0';
    }
    return done && put(line, L"\"", 1);
}

/* What follows `/s /c` is for cmd alone, which takes the first and the last quote away and nothing else. */
static bool put_for_cmd(struct line *line, const wchar_t *word)
{
    return put(line, L"\"\"", 2) && put(line, word, wcslen(word)) && put(line, L"\"\"", 2);
}

wchar_t *sfx_win32_command_line(const char *const *arguments, bool is_script)
{
    struct line line = {NULL, 0, 0};
    bool done = true;
    for (const char *const *at = arguments; done && *at; at++) {
        wchar_t *word = at == arguments ? native_path(*at) : sfx_win32_wide(*at);
        bool plain = word && *word && !wcspbrk(word, L" \t\"");
        bool for_cmd = is_script && at - arguments == 4 && strcmp(at[-1], "/c") == 0 && strcmp(at[-2], "/s") == 0;
        done = word && (at == arguments || put(&line, L" ", 1)) &&
               (for_cmd ? put_for_cmd(&line, word) : plain ? put(&line, word, wcslen(word)) : put_quoted(&line, word));
        free(word);
    }
    if (done)
        return line.text;
    free(line.text);
    return NULL;
}

/* ---- Environment ---- */

static bool is_replaced(const wchar_t *entry, const char *const *variables)
{
    size_t size = wcscspn(entry + 1, L"=") + 2;              /* some names begin with `=` */
    for (const char *const *at = variables; *at; at++) {
        wchar_t *wide = sfx_win32_wide(*at);
        bool same = wide && _wcsnicmp(entry, wide, size) == 0;
        free(wide);
        if (same)
            return true;
    }
    return false;
}

static wchar_t *environment(const char *const *variables)
{
    struct line block = {NULL, 0, 0};
    wchar_t *own = GetEnvironmentStringsW();
    bool done = own != NULL;
    for (const wchar_t *at = own; done && *at; at += wcslen(at) + 1)
        if (!is_replaced(at, variables))
            done = put(&block, at, wcslen(at) + 1);
    for (const char *const *at = variables; done && *at; at++) {
        wchar_t *wide = sfx_win32_wide(*at);
        done = wide && put(&block, wide, wcslen(wide) + 1);
        free(wide);
    }
    done = done && put(&block, L"", 1);
    if (own)
        FreeEnvironmentStringsW(own);
    if (done)
        return block.text;
    free(block.text);
    return NULL;
}

/* ---- Starting ---- */

static HANDLE open_job(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    HANDLE job = CreateJobObjectW(NULL, NULL);
    memset(&limits, 0, sizeof limits);
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_BREAKAWAY_OK;
    if (job)
        SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    return job;
}

/* STREAMS: what it gets as its standard ones, and nothing else of what is open here. */
static int start(const struct sfx_os_command *command, HANDLE streams[3], struct child *child)
{
    static const char *const none[] = {NULL};
    STARTUPINFOEXW info;
    PROCESS_INFORMATION made;
    SIZE_T size = 0;
    wchar_t *line = sfx_win32_command_line(command->arguments, true);
    wchar_t *program = native_path(command->arguments[0]);
    wchar_t *variables = environment(command->variables ? command->variables : none);
    wchar_t *folder = command->folder ? native_path(command->folder) : NULL;
    memset(&info, 0, sizeof info);
    info.StartupInfo.cb = sizeof info;
    info.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    info.StartupInfo.hStdInput = streams[0];
    info.StartupInfo.hStdOutput = streams[1];
    info.StartupInfo.hStdError = streams[2];
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    info.lpAttributeList = malloc(size);
    bool complete = line && program && variables && (folder || !command->folder) && info.lpAttributeList;
    int error = complete ? sfx_win32_result(InitializeProcThreadAttributeList(info.lpAttributeList, 1, 0, &size)) : ENOMEM;
    if (!error) {
        UpdateProcThreadAttribute(info.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, streams, 3 * sizeof *streams, NULL, NULL);
        error = sfx_win32_result(CreateProcessW(program, line, NULL, NULL, TRUE,
                                                CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT, variables,
                                                folder, &info.StartupInfo, &made));
        DeleteProcThreadAttributeList(info.lpAttributeList);
    }
    if (!error) {
        child->process = made.hProcess;
        if (child->job)
            AssignProcessToJobObject(child->job, made.hProcess);
        ResumeThread(made.hThread);
        CloseHandle(made.hThread);
    }
    free(info.lpAttributeList);
    free(line);
    free(program);
    free(variables);
    free(folder);
    return error;
}

/* ---- Attending ---- */

/* One part of what it wrote. Returns whether there was one. */
static bool take(const struct sfx_os_command *command, struct child *child, int which)
{
    char buffer[4096];
    DWORD ready = 0;
    DWORD got = 0;
    HANDLE output = child->outputs[which];
    if (!output)
        return false;
    if (!PeekNamedPipe(output, NULL, 0, NULL, &ready, NULL) ||
        (ready > 0 && !ReadFile(output, buffer, ready < sizeof buffer ? ready : sizeof buffer, &got, NULL)))
        sfx_win32_closep(&child->outputs[which]);
    if (got > 0)
        command->sink(command->context, which == 1, buffer, got);
    return got > 0;
}

static DWORD attend(const struct sfx_os_command *command, struct child *child)
{
    uint64_t interrupted = 0;
    unsigned left = LAST_PARTS;
    bool ended = false;
    DWORD status = 1;
    for (;;) {
        bool any = take(command, child, 0);
        any = take(command, child, 1) || any;
        if (ended && (!any || left-- == 0))
            break;
        ended = ended || WaitForSingleObject(child->process, any ? 0 : TICK_MILLISECONDS) == WAIT_OBJECT_0;
        if (ended || !sfx_os_interrupted())
            continue;
        if (interrupted == 0)
            interrupted = sfx_os_milliseconds();
        else if (sfx_os_milliseconds() - interrupted > GRACE_MILLISECONDS)
            TerminateProcess(child->process, 130);
    }
    if (sfx_os_interrupted() && child->job)
        TerminateJobObject(child->job, 130);
    GetExitCodeProcess(child->process, &status);
    return status;
}

static HANDLE duplicate_input(void)
{
    HANDLE copy = NULL;
    DuplicateHandle(GetCurrentProcess(), sfx_win32_handle(0), GetCurrentProcess(), &copy, 0, TRUE, DUPLICATE_SAME_ACCESS);
    return copy;
}

int sfx_os_run(const struct sfx_os_command *command, int *ret_status)
{
    SECURITY_ATTRIBUTES inherits = {sizeof inherits, NULL, TRUE};
    struct child child = {NULL, open_job(), {NULL, NULL}};
    HANDLE streams[3] = {NULL, NULL, NULL};
    int error = 0;
    streams[0] = command->reads ? duplicate_input()
                                : CreateFileW(L"NUL", GENERIC_READ, SFX_SHARE_ALL, &inherits, OPEN_EXISTING, 0, NULL);
    for (int i = 0; !error && i < 2; i++) {
        error = sfx_win32_result(CreatePipe(&child.outputs[i], &streams[i + 1], &inherits, 0));
        if (!error)
            SetHandleInformation(child.outputs[i], HANDLE_FLAG_INHERIT, 0);
    }
    if (!error)
        error = start(command, streams, &child);
    for (int i = 0; i < 3; i++)
        if (streams[i] != INVALID_HANDLE_VALUE)
            sfx_win32_closep(&streams[i]);
    if (!error)
        *ret_status = (int)attend(command, &child);
    sfx_win32_closep(&child.process);
    sfx_win32_closep(&child.job);
    for (int i = 0; i < 2; i++)
        sfx_win32_closep(&child.outputs[i]);
    return error;
}

int sfx_os_page(const char *command, const void *data, size_t size, int *ret_status)
{
    wchar_t *wide = sfx_win32_wide(command);
    FILE *pager = wide ? _wpopen(wide, L"wb") : NULL;
    free(wide);
    if (!pager)
        return ENOENT;
    fwrite(data, 1, size, pager);        /* who has read enough closes it */
    *ret_status = _pclose(pager);
    return 0;
}
