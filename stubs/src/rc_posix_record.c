/* What an installation has added to a start-up file; see rc.h. */
#include "rc_posix.h"

#include <errno.h>
#include <stdlib.h>

#include "os.h"
#include "record.h"

#define MAX_OUTSIDE ((size_t)1 << 16)

void sfx_outside_close(struct sfx_outside *outside)
{
    free(outside->path);
    sfx_text_free(&outside->added);
}

struct sfx_bytes sfx_outside_block(const struct sfx_outside *outside)
{
    size_t skipped = outside->added.size > 0 && outside->added.data[0] == '\n';
    return (struct sfx_bytes){(const uint8_t *)outside->added.data + skipped, outside->added.size - skipped};
}

int sfx_outside_read(int root, struct sfx_outside *ret_outside)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    struct sfx_os_stat found;
    *ret_outside = (struct sfx_outside){.path = NULL};
    int error = sfx_os_open(root, SFX_OUTSIDE, SFX_OS_READ, &fd);
    if (!error)
        error = sfx_os_stat_fd(fd, &found);
    if (!error)
        error = found.is_anothers ? EPERM : sfx_text_read_open(&text, fd, MAX_OUTSIDE);
    const char *end = text.data ? strchr(text.data, '\n') : NULL;
    if (error || !end || (strncmp(text.data, "rc=/", 4) != 0 && strncmp(text.data, "new=/", 5) != 0))
        return error == ENOENT ? 0 : error;
    const char *path = strchr(text.data, '/');
    ret_outside->made = text.data[0] == 'n';
    ret_outside->path = sfx_print("%.*s", (int)(end - path), path);
    sfx_text_add(&ret_outside->added, end + 1, text.size - (size_t)(end + 1 - text.data));
    return ret_outside->path && !ret_outside->added.failed ? 0 : ENOMEM;
}

int sfx_outside_write(int root, const struct sfx_outside *outside)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    sfx_text_format(&text, "%s=%s\n", outside->made ? "new" : "rc", outside->path);
    sfx_text_add(&text, outside->added.data, outside->added.size);
    return sfx_record_replace(root, SFX_OUTSIDE, &text, sfx_mode(sfx_record_modes(root), 0644), true);
}

int sfx_rc_take_over(int root, int tree)
{
    SFX_CLEAN_OUTSIDE struct sfx_outside outside;
    int error = sfx_outside_read(root, &outside);
    if (error == EPERM || (!error && !outside.path))
        return 0;
    return error ? error : sfx_outside_write(tree, &outside);
}
