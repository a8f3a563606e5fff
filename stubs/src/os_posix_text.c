/* How paths and errors are spelled on POSIX systems; see os.h. Nothing here asks the system. */
#include "os.h"

#include <stdlib.h>
#include <string.h>

const char sfx_os_example[] = "/opt/env";
const char sfx_os_tool[] = SFX_TOOL;
const char sfx_os_divider = ':';

size_t sfx_os_common_path(void)
{
    return SIZE_MAX;
}

const char *sfx_os_error_text(int error)
{
    return strerror(error);
}

size_t sfx_os_root_size(const char *path)
{
    return path[0] == '/';
}

bool sfx_os_same_path(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

char *sfx_os_native(const char *path)
{
    return strdup(path);
}

char *sfx_os_expand(const char *text)
{
    return strdup(text);
}

void sfx_os_from_native(char *path)
{
    (void)path;
}

void sfx_os_show_paths(char *message)
{
    (void)message;
}

/* In single quotes, as every shell takes them. */
char *sfx_os_quote(const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-@%:,=";
    size_t size = strlen(word);
    char *quoted = malloc(size * 4 + 3);
    char *end = quoted;
    if (!quoted)
        return NULL;
    if (size > 0 && strspn(word, plain) == size) {
        memcpy(quoted, word, size + 1);
        return quoted;
    }
    *end++ = '\'';
    for (; *word; word++) {
        size_t part = *word == '\'' ? 4 : 1;
        memcpy(end, part == 4 ? "'\\''" : word, part);
        end += part;
    }
    memcpy(end, "'", 2);
    return quoted;
}
