/* Becoming another program, on Windows: running it in the console of this one, and ending as it does; see os.h. */
#include "os_win32.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VARIABLE 32768u              /* characters of a variable, or of a command line */

static const wchar_t *const folders[] = {L"", L"\\Library\\mingw-w64\\bin", L"\\Library\\usr\\bin", L"\\Library\\bin", L"\\Scripts", L"\\bin"};

/* ---- Environment ---- */

struct output {
    char *data;
    size_t size;
    bool failed;
};

static void take_output(void *context, bool is_error, const char *data, size_t size)
{
    struct output *output = context;
    char *grown = is_error ? NULL : realloc(output->data, output->size + size + 2);
    output->failed = output->failed || (!grown && !is_error);
    if (!grown)
        return;
    memcpy(grown + output->size, data, size);
    output->data = grown;
    output->size += size;
}

static bool is_set_by(const wchar_t *entry, const wchar_t *lines)
{
    size_t size = wcscspn(entry, L"=") + 1;
    for (const wchar_t *at = lines; *at; at += wcslen(at) + 1)
        if (_wcsnicmp(at, entry, size) == 0)
            return true;
    return false;
}

/* What `set` printed becomes the environment of this process. The lines become strings, an empty one at the end. */
static void take_variables(wchar_t *lines)
{
    wchar_t *end = lines;
    for (const wchar_t *at = lines; *at; at++)
        if (*at != L'\r' && (*at != L'\n' || end > lines))
            *end++ = *at == L'\n' ? L'\0' : *at;
    end[0] = end[1] = L'\0';
    wchar_t *own = GetEnvironmentStringsW();
    for (wchar_t *at = own; own && *at; at += wcslen(at) + 1) {
        size_t size = wcscspn(at + 1, L"=") + 1;             /* some names begin with `=`, which `set` does not show */
        if (*at == L'=' || is_set_by(at, lines))
            continue;
        at[size] = L'\0';
        SetEnvironmentVariableW(at, NULL);
        at[size] = L'=';
    }
    if (own)
        FreeEnvironmentStringsW(own);
    for (wchar_t *at = lines; *at;) {
        size_t size = wcslen(at);
        wchar_t *equals = wcschr(at, L'=');
        if (equals) {
            *equals = L'\0';
            SetEnvironmentVariableW(at, equals + 1);
        }
        at += size + 1;
    }
}

/* The path of the script is in a variable, since cmd would take it apart; it is run by cmd itself, so nothing expands it twice. */
static int activate(const char *script)
{
    struct sfx_os_interpreter cmd;
    struct output output = {NULL, 0, false};
    char *native = sfx_os_native(script);
    char *variable = native ? malloc(strlen(native) + 32) : NULL;
    int error = variable ? sfx_os_interpreter("cmd", &cmd) : ENOMEM;
    if (!error) {
        sprintf(variable, "_SFXPACK_SCRIPT=\"%s\"", native);
        const char *const arguments[] = {cmd.path, "/d", "/u", "/c", "%_SFXPACK_SCRIPT% >nul & set", NULL};
        const char *const variables[] = {variable, NULL};
        int status;
        error = sfx_os_run(&(struct sfx_os_command){arguments, variables, NULL, true, false, take_output, &output}, &status);
        free(cmd.path);
    }
    if (!error && (output.failed || output.size < 4))
        error = output.failed ? ENOMEM : EIO;
    wchar_t *lines = error ? NULL : calloc(output.size / 2 + 2, sizeof *lines);
    if (lines) {
        memcpy(lines, output.data, output.size / 2 * 2);
        take_variables(lines);
        SetEnvironmentVariableW(L"_SFXPACK_SCRIPT", NULL);
    }
    free(lines);
    free(output.data);
    free(variable);
    free(native);
    return error;
}

static int put_first(const char *prefix)
{
    char *native = sfx_os_native(prefix);
    wchar_t *root = native ? sfx_win32_wide(native) : NULL;
    wchar_t *path = root ? calloc(2 * MAX_VARIABLE, sizeof *path) : NULL;
    int error = path && wcslen(root) < 4096 ? 0 : ENOMEM;
    for (size_t i = 0; !error && i < sizeof folders / sizeof *folders; i++) {
        wcscat(path, root);
        wcscat(path, folders[i]);
        wcscat(path, L";");
    }
    if (!error) {
        size_t size = wcslen(path);
        if (GetEnvironmentVariableW(L"PATH", path + size, MAX_VARIABLE) == 0)
            path[size - 1] = L'\0';
        error = sfx_win32_result(SetEnvironmentVariableW(L"PATH", path));
    }
    free(path);
    free(root);
    free(native);
    return error;
}

/* ---- Program ---- */

/* Where NAME is, by the PATH that holds now, not in the working directory; malloced. */
static wchar_t *find(const char *name)
{
    static const wchar_t *const endings[] = {L".com", L".exe", L".bat", L".cmd", L""};
    wchar_t *wide = sfx_win32_wide(name);
    wchar_t *buffers = calloc(2 * MAX_VARIABLE, sizeof *buffers);
    wchar_t *candidate = wide ? calloc(wcslen(wide) + 8, sizeof *candidate) : NULL;
    wchar_t *found = NULL;
    if (candidate && buffers) {
        bool has_folder = wcspbrk(wide, L"\\/:") != NULL;
        GetEnvironmentVariableW(L"PATH", buffers, MAX_VARIABLE);
        for (size_t i = 0; !found && i < sizeof endings / sizeof *endings; i++) {
            wcscpy(candidate, wide);
            wcscat(candidate, endings[i]);
            DWORD size = SearchPathW(has_folder ? L"." : buffers, candidate, NULL, MAX_VARIABLE, buffers + MAX_VARIABLE, NULL);
            if (size > 0 && size < MAX_VARIABLE && !(GetFileAttributesW(buffers + MAX_VARIABLE) & FILE_ATTRIBUTE_DIRECTORY))
                found = _wcsdup(buffers + MAX_VARIABLE);
        }
    }
    free(candidate);
    free(buffers);
    free(wide);
    return found;
}

static bool is_batch(const wchar_t *path)
{
    const wchar_t *ending = wcsrchr(path, L'.');
    return ending && (_wcsicmp(ending, L".bat") == 0 || _wcsicmp(ending, L".cmd") == 0);
}

/* The command line; malloced. Those of batch files are for cmd, in which no quoting holds a quote or a percent sign: EINVAL. */
static int make_line(const wchar_t *program, char *const *command, wchar_t **ret_line)
{
    size_t count = 0;
    while (command[count])
        count++;
    if (!is_batch(program)) {
        *ret_line = sfx_win32_command_line((const char *const *)(uintptr_t)command, false);
        return *ret_line ? 0 : ENOMEM;
    }
    wchar_t *line = calloc(MAX_VARIABLE, sizeof *line);
    int error = line ? 0 : ENOMEM;
    if (!error)
        _snwprintf(line, MAX_VARIABLE - 2, L"cmd /d /s /c \"\"%ls\"", program);
    for (size_t i = 1; !error && i < count; i++) {
        wchar_t *word = sfx_win32_wide(command[i]);
        bool plain = word && !wcspbrk(word, L"\"%\r\n") && wcslen(line) + wcslen(word) < MAX_VARIABLE - 8;
        error = plain ? 0 : EINVAL;
        if (plain) {
            wcscat(line, L" \"");
            wcscat(line, word);
            wcscat(line, L"\"");
        }
        free(word);
    }
    if (!error)
        wcscat(line, L"\"");
    *ret_line = line;
    return error;
}

/* What it starts ends with it; a window that it leaves open may stay. Ctrl-C is for all on the console; this process only waits. */
static int run(const wchar_t *program, wchar_t *line)
{
    STARTUPINFOW info = {.cb = sizeof info};
    PROCESS_INFORMATION made;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    DWORD status = 1;
    HANDLE job = CreateJobObjectW(NULL, NULL);
    memset(&limits, 0, sizeof limits);
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    if (!CreateProcessW(program, line, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &info, &made))
        return sfx_win32_result(FALSE);
    AssignProcessToJobObject(job, made.hProcess);
    ResumeThread(made.hThread);
    WaitForSingleObject(made.hProcess, INFINITE);
    GetExitCodeProcess(made.hProcess, &status);
    ExitProcess(status);
}

int sfx_os_become(const char *prefix, char *const *command)
{
    char *script = malloc(strlen(prefix) + 32);
    wchar_t *line = NULL;
    if (!script)
        return ENOMEM;
    sprintf(script, "%s/Scripts/activate.bat", prefix);
    struct sfx_os_stat found;
    int error = sfx_os_stat(SFX_OS_HERE, script, &found) == 0 ? activate(script) : put_first(prefix);
    free(script);
    wchar_t *program = error ? NULL : find(command[0]);
    if (!error)
        error = program ? make_line(program, command, &line) : ENOENT;
    if (!error)
        error = run(is_batch(program) ? NULL : program, line);
    free(program);
    free(line);
    return error;
}
