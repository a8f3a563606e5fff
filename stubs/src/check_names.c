/* The checks by their names; see checks.h. */
#include "checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "os.h"
#include "text.h"

static const struct {
    const char *text;
    bool always;                         /* what it finds cannot be right for anybody */
} known[SFX_CHECK_COUNT] = {
    [SFX_CHECK_SYSTEM] = {"system", false},
    [SFX_CHECK_C_LIBRARY] = {"c-library", false},
    [SFX_CHECK_PROCESSOR] = {"processor", false},
    [SFX_CHECK_PREFIX_LENGTH] = {"prefix-length", true},
    [SFX_CHECK_LONGEST_PATH] = {"longest-path", false},
    [SFX_CHECK_PATHS_IN_DATA] = {"paths-in-data", false},
    [SFX_CHECK_QUOTING] = {"quoting", false},
    [SFX_CHECK_SEARCH_PATHS] = {"search-paths", false},
    [SFX_CHECK_PLACE] = {"place", true},
    [SFX_CHECK_PERMISSION] = {"permission", false},
    [SFX_CHECK_EXECUTABLE] = {"executable", false},
    [SFX_CHECK_SPACE] = {"space", false},
    [SFX_CHECK_INODES] = {"inodes", false},
    [SFX_CHECK_QUOTA] = {"quota", false},
    [SFX_CHECK_FILE_SIZE] = {"file-size", false},
    [SFX_CHECK_NAMES] = {"names", false},
    [SFX_CHECK_CASE] = {"case", false},
    [SFX_CHECK_LINKS] = {"links", false},
    [SFX_CHECK_MODES] = {"modes", false},
    [SFX_CHECK_SELINUX] = {"selinux", false},
    [SFX_CHECK_FAPOLICYD] = {"fapolicyd", false},
};

const char *sfx_check_text(enum sfx_check_name name)
{
    return known[name].text;
}

bool sfx_check_is_skippable(enum sfx_check_name name)
{
    return !known[name].always;
}

static enum sfx_error cannot_skip(const char *typed, size_t size, bool is_known, struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text names = {0};
    for (size_t i = 0; i < SFX_CHECK_COUNT; i++)
        if (!known[i].always)
            sfx_text_format(&names, "%s%s", names.size ? ", " : "", known[i].text);
    return sfx_fail(fault, SFX_ERROR_USAGE, "%s `%.*s`; --skip-check takes: %s", is_known ? "nothing can skip" : "there is no check",
                    (int)(size < 256 ? size : 256), typed, names.data ? names.data : "");
}

enum sfx_error sfx_check_skip(const char *names, uint32_t *skipped, struct sfx_fault *fault)
{
    for (const char *name = names;; name++) {
        size_t size = strcspn(name, ",");
        size_t at = 0;
        while (at < SFX_CHECK_COUNT && (strlen(known[at].text) != size || memcmp(known[at].text, name, size) != 0))
            at++;
        if (at == SFX_CHECK_COUNT || known[at].always)
            return cannot_skip(name, size, at < SFX_CHECK_COUNT, fault);
        *skipped |= (uint32_t)1 << at;
        name += size;
        if (!*name)
            return SFX_OK;
    }
}

/* ---- Results ---- */

static void add(struct sfx_checks *checks, struct sfx_check check, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static void add(struct sfx_checks *checks, struct sfx_check check, const char *format, va_list arguments)
{
    va_list again;
    if (checks->count == SFX_MAX_CHECKS)
        return;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    check.text = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (check.text)
        vsnprintf(check.text, (size_t)size + 1, format, arguments);
    if (check.text)
        sfx_os_show_paths(check.text);
    checks->list[checks->count++] = check;
}

void sfx_check_add(struct sfx_checks *checks, enum sfx_check_name name, enum sfx_outcome outcome, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(checks, (struct sfx_check){name, outcome, SFX_OK, NULL}, format, arguments);
    va_end(arguments);
}

void sfx_check_fail(struct sfx_checks *checks, enum sfx_check_name name, enum sfx_error error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(checks, (struct sfx_check){name, SFX_CHECK_FAILED, error, NULL}, format, arguments);
    va_end(arguments);
}
