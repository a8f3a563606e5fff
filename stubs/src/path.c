/* Paths and patterns as text; see text.h. */
#include <errno.h>

#include "os.h"
#include "text.h"

/* Normalise an absolute path in place. */
static void normalise(char *path)
{
    char *start = path + sfx_os_root_size(path);
    char *end = start;                   /* of what is kept */
    for (char *at = start; *at;) {
        char *component = at + strspn(at, "/");
        size_t size = strcspn(component, "/");
        at = component + size;
        if (size == 0 || (size == 1 && component[0] == '.'))
            continue;
        if (size == 2 && component[0] == '.' && component[1] == '.') {
            while (end > start && *--end != '/') {
            }
            continue;
        }
        if (end > start)
            *end++ = '/';
        memmove(end, component, size);
        end += size;
    }
    *end = '\0';
}

enum sfx_error sfx_path_absolute(const char *typed, char **ret_path, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *path = NULL;
    if (!*typed)
        return sfx_fail(fault, SFX_ERROR_USAGE, "the prefix is empty; give a path, for example --prefix %s", sfx_os_example);
    for (const char *at = typed; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            return sfx_fail(fault, SFX_ERROR_USAGE, "the path holds a control character; give one without");
    enum sfx_error error = sfx_os_typed_path(typed, &path, fault);
    if (error)
        return error;
    normalise(path);
    if (strlen(path) > SFX_MAX_PREFIX)
        return sfx_fail(fault, SFX_ERROR_LONG, "the prefix is longer than %u bytes", SFX_MAX_PREFIX);
    *ret_path = path;
    path = NULL;
    return SFX_OK;
}

/* In place; a root stays as it is. */
static void cut_name(char *path)
{
    size_t root = sfx_os_root_size(path);
    char *slash = strrchr(path + root, '/');
    path[slash ? (size_t)(slash - path) : root] = '\0';
}

char *sfx_path_parent(const char *path)
{
    char *parent = strdup(path);
    if (parent)
        cut_name(parent);
    return parent;
}

char *sfx_path_join(const char *folder, const char *name)
{
    size_t size = strlen(folder);
    return sfx_print("%s%s%s", folder, size > 0 && folder[size - 1] == '/' ? "" : "/", name);
}

const char *sfx_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *sfx_path_existing(const char *path)
{
    char *found = strdup(path);
    while (found && found[sfx_os_root_size(found)]) {
        __attribute__((cleanup(sfx_os_closep))) int fd = -1;
        int error = sfx_os_open(SFX_OS_HERE, found, SFX_OS_DIRECTORY_FOLLOW, &fd);
        if (error != ENOENT && error != ENOTDIR)
            break;
        cut_name(found);
    }
    return found;
}

bool sfx_path_is_inside(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    bool is_longer = strlen(path) > size && path[size] == '/';
    SFX_CLEAN_STRING char *start = is_longer ? sfx_print("%.*s", (int)size, path) : NULL;
    return start && sfx_os_same_path(start, folder);
}

int sfx_path_leads_into(const char *path, const char *folder, bool *ret_into)
{
    SFX_CLEAN_STRING char *existing = sfx_path_existing(path);
    SFX_CLEAN_STRING char *real = NULL;
    int error = existing ? sfx_os_real_path(existing, &real) : ENOMEM;
    *ret_into = error || sfx_os_same_path(real, folder) || sfx_path_is_inside(real, folder);
    return error;
}

/* After `[`: whether ONE is in the set; moves PATTERN behind the `]`. A `[` without `]` stands for itself. */
static bool match_set(const char **pattern, uint8_t one)
{
    const char *at = *pattern;
    bool negated = *at == '!' || *at == '^';
    at += negated;
    const char *first = at;
    bool found = false;
    while (*at && (*at != ']' || at == first)) {
        uint8_t low = (uint8_t)*at++;
        uint8_t high = low;
        if (at[0] == '-' && at[1] && at[1] != ']') {
            high = (uint8_t)at[1];
            at += 2;
        }
        found = found || (low <= one && one <= high);
    }
    if (!*at)
        return one == '[';
    *pattern = at + 1;
    return found != negated;
}

bool sfx_match(const char *pattern, struct sfx_bytes text)
{
    const char *star = NULL;             /* behind the last `*`, and where its match ends so far */
    size_t star_at = 0;
    size_t at = 0;
    for (;;) {
        if (*pattern == '*') {
            star = ++pattern;
            star_at = at;
            continue;
        }
        if (at == text.size && !*pattern)
            return true;
        bool matches = at < text.size && *pattern;
        if (matches && *pattern == '[') {
            pattern++;
            matches = match_set(&pattern, text.data[at]);
        } else if (matches) {
            bool quoted = *pattern == '\\' && pattern[1];
            pattern += quoted;
            matches = (*pattern == '?' && !quoted) || (uint8_t)*pattern == text.data[at];
            pattern++;
        }
        if (matches) {
            at++;
        } else if (star && star_at < text.size) {
            pattern = star;
            at = ++star_at;
        } else {
            return false;
        }
    }
}
