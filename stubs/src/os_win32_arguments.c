/* The command line on Windows; see os_win32.h.
 *
 * A program whose own file goes on behind its image is an installer: then the arguments begin with what the header of other
 * systems gives, and what deployment tools write is understood: /S, /D=PATH as NSIS has it, /LOG=FILE, /?. */
#include "os_win32.h"

#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pe.h"

#define MOST_MORE 16                     /* arguments that are added */

struct arguments {
    char **list;
    int count;
    bool failed;
};

static void add(struct arguments *arguments, const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    arguments->failed = arguments->failed || !copy;
    if (copy)
        arguments->list[arguments->count++] = copy;
}

static void add_wide(struct arguments *arguments, const wchar_t *text)
{
    char *narrow = sfx_win32_narrow(text, wcslen(text));
    add(arguments, narrow);
    free(narrow);
}

/* ---- What lies behind the image ---- */

/* Where the last section's bytes end in the file, rounded up as the builder does. */
static uint64_t image_end(void)
{
    struct sfx_pe pe;
    struct sfx_fault ignored;
    if (sfx_pe_read((const uint8_t *)GetModuleHandleW(NULL), SFX_PE_HEAD, &pe, &ignored) != SFX_OK)
        return 0;                        /* where no locator stands */
    return (pe.end + SFX_ALIGNMENT - 1) / SFX_ALIGNMENT * SFX_ALIGNMENT;
}

/* Whether a locator stands there: its magic; all else of it is checked like that of any artifact. */
static bool has_locator(const char *self, uint64_t at)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    char magic[sizeof SFX_MAGIC - 1];
    struct sfx_fault ignored;
    return sfx_os_open_read(self, &fd, &ignored) == SFX_OK && sfx_os_pread(fd, magic, sizeof magic, at, &ignored) == SFX_OK &&
           memcmp(magic, SFX_MAGIC, sizeof magic) == 0;
}

/* Returns whether this is an installer. */
static bool add_payload(struct arguments *arguments)
{
    char *self = NULL;
    char at[32];
    if (sfx_os_self(&self) != 0)
        return false;
    uint64_t end = image_end();
    bool has = has_locator(self, end);
    if (has) {
        snprintf(at, sizeof at, "%llu", (unsigned long long)end);
        add(arguments, "--artifact");
        add(arguments, self);
        add(arguments, "--at");
        add(arguments, at);
    }
    free(self);
    return has;
}

/* ---- What deployment tools write ---- */

/* Where `/D=` begins that is not quoted: all behind it is the path, blanks too. NULL: it is an argument like others. */
static wchar_t *find_folder(wchar_t *line)
{
    bool quoted = false;
    for (wchar_t *at = line; *at; at++) {
        quoted = quoted != (*at == L'"');
        bool begins = !quoted && at > line && (at[-1] == L' ' || at[-1] == L'\t');
        if (begins && _wcsnicmp(at, L"/D=", 3) == 0 && at[3] != L'"')
            return at;
    }
    return NULL;
}

static void add_option(struct arguments *arguments, const char *option, const wchar_t *value)
{
    size_t size = wcslen(value);
    while (size > 0 && (value[size - 1] == L' ' || value[size - 1] == L'\t'))
        size--;
    char *narrow = sfx_win32_narrow(value, size);
    add(arguments, option);
    add(arguments, narrow);
    free(narrow);
}

/* Whoever deploys means a whole path. Any other is taken with the option, which makes it one that is refused. */
static void add_folder(struct arguments *arguments, const wchar_t *text)
{
    const wchar_t *path = text + 3;
    bool whole = path[0] == L'\\' || path[0] == L'/' || (path[0] && path[1] == L':');
    add_option(arguments, "--prefix", whole || !path[0] ? path : text);
}

static void add_given(struct arguments *arguments, const wchar_t *text)
{
    if (_wcsicmp(text, L"/S") == 0) {
        add(arguments, "--batch");
        add(arguments, "--quiet");
    } else if (_wcsicmp(text, L"/?") == 0) {
        add(arguments, "--help");
    } else if (_wcsnicmp(text, L"/D=", 3) == 0) {
        add_folder(arguments, text);
    } else if (_wcsnicmp(text, L"/LOG=", 5) == 0) {
        add_option(arguments, "--log", text + 5);
    } else {
        add_wide(arguments, text);
    }
}

/* ---- All of it ---- */

/* The program's name with `/`, as this program spells paths. */
static void add_name(struct arguments *arguments, const wchar_t *text)
{
    add_wide(arguments, text);
    if (!arguments->failed)
        sfx_os_from_native(arguments->list[0]);
}

static void take(struct arguments *arguments, wchar_t *line, wchar_t **wide, int count)
{
    add_name(arguments, wide[0]);
    bool given = count > 1 && wcscmp(wide[1], L"--artifact") == 0;
    bool installs = given || add_payload(arguments);
    wchar_t *folder = installs ? find_folder(line) : NULL;
    wchar_t *kept = folder ? _wcsdup(folder) : NULL;
    if (folder && kept) {
        *folder = L'\0';
        int parts;
        wchar_t **before = CommandLineToArgvW(line, &parts);
        count = before && parts < count ? parts : count;
        if (before)
            LocalFree(before);
    }
    for (int i = 1; i < count; i++) {
        if (installs)
            add_given(arguments, wide[i]);
        else
            add_wide(arguments, wide[i]);
    }
    if (kept)
        add_folder(arguments, kept);
    free(kept);
}

void sfx_win32_arguments(int *count, char ***arguments)
{
    wchar_t *line = _wcsdup(GetCommandLineW());
    int wide_count = 0;
    wchar_t **wide = line ? CommandLineToArgvW(line, &wide_count) : NULL;
    struct arguments taken = {NULL, 0, false};
    if (wide)
        sfx_win32_finish_leaving(wide_count, wide);
    if (wide && wide_count > 0)
        taken.list = calloc((size_t)wide_count * 2 + MOST_MORE, sizeof *taken.list);
    if (taken.list)
        take(&taken, line, wide, wide_count);
    if (taken.list && !taken.failed) {
        *count = taken.count;
        *arguments = taken.list;
    }
    if (wide)
        LocalFree(wide);
    free(line);
}
