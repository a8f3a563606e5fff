/* A start-up file under its lock, read and replaced; see rc_posix.h. */
#include "rc_posix.h"

#include <errno.h>
#include <stdlib.h>

#include "os.h"
#include "produce.h"

#define MAX_RC ((size_t)16 << 20)

void sfx_rc_let_go(struct sfx_rc_holding *holding)
{
    sfx_lock_release(&holding->lock);
    free(holding->folder);
    free(holding->name);
}

/* What the lock of the file at PATH is called, and where; either may be NULL. */
static void name_lock(const char *path, struct sfx_rc_holding *holding)
{
    SFX_CLEAN_STRING char *real = NULL;
    if (sfx_os_real_path(path, &real) != 0)
        real = strdup(path);
    holding->folder = real ? sfx_path_parent(real) : NULL;
    holding->name = real ? sfx_print("%s.sfxpack-lock", sfx_path_name(real)) : NULL;
}

bool sfx_rc_is_locked(const char *path)
{
    SFX_LET_GO struct sfx_rc_holding holding = {.name = NULL};
    struct sfx_os_stat found;
    name_lock(path, &holding);
    SFX_CLEAN_STRING char *lock = holding.name && holding.folder ? sfx_path_join(holding.folder, holding.name) : NULL;
    return lock && sfx_os_stat(SFX_OS_HERE, lock, &found) == 0;
}

enum sfx_error sfx_rc_take_lock(struct sfx_session *session, const char *path, struct sfx_rc_holding *holding)
{
    __attribute__((cleanup(sfx_os_closep))) int directory = -1;
    struct sfx_fault fault;
    name_lock(path, holding);
    if (!holding->folder || !holding->name || sfx_os_open(SFX_OS_HERE, holding->folder, SFX_OS_DIRECTORY_FOLLOW, &directory) != 0)
        return SFX_OK;
    enum sfx_error error = sfx_produce_lock_in(session, directory, holding->folder, holding->name, &holding->lock, &fault);
    if (error != SFX_ERROR_LOCKED && error != SFX_ERROR_INTERRUPTED)
        return SFX_OK;
    sfx_warn(session, "%s was not changed: %s", path, fault.message);
    return SFX_ERROR_EXCEPTIONS;
}

/* Beside it and renamed, with its mode, owner and attributes; a link stays a link. */
static int replace_file(const char *path, const struct sfx_text *text)
{
    __attribute__((cleanup(sfx_os_closep))) int old = -1;
    __attribute__((cleanup(sfx_os_closep))) int new = -1;
    SFX_CLEAN_STRING char *real = NULL;
    int error = sfx_os_real_path(path, &real);
    if (error == ENOENT)
        real = strdup(path);
    else if (!error)
        error = sfx_os_open(SFX_OS_HERE, real, SFX_OS_READ, &old);
    SFX_CLEAN_STRING char *name = real ? sfx_print("%s.sfxpack-new", real) : NULL;
    if (error && error != ENOENT)
        return error;
    if (!name)
        return ENOMEM;
    sfx_os_unlink(SFX_OS_HERE, name);    /* of a run that was killed */
    error = sfx_os_create(SFX_OS_HERE, name, old >= 0 ? 0600 : 0644, &new);
    if (error)
        return error;
    if (old >= 0)                        /* before the text is written, which gives it the present time */
        error = sfx_os_copy_attributes(old, new);
    if (!error)
        error = sfx_os_write(new, text->data, text->size);
    if (!error)
        error = sfx_os_sync_file(new);
    if (!error)
        error = sfx_os_rename(SFX_OS_HERE, name, SFX_OS_HERE, real, SFX_OS_REPLACE);
    if (error)
        sfx_os_unlink(SFX_OS_HERE, name);
    return error;
}

int sfx_rc_read(const char *path, struct sfx_text *text, bool *ret_exists)
{
    SFX_CLEAN_STRING char *real = NULL;
    struct sfx_os_stat found;
    int error = sfx_os_real_path(path, &real);
    *ret_exists = error != ENOENT;
    if (error)
        return error == ENOENT && sfx_os_stat(SFX_OS_HERE, path, &found) != 0 ? 0 : error;
    error = sfx_os_stat(SFX_OS_HERE, real, &found);
    if (!error && found.kind != SFX_OS_FILE)
        return EINVAL;
    return error ? error : sfx_text_read(text, SFX_OS_HERE, real, MAX_RC);
}

int sfx_rc_splice(const char *path, const struct sfx_text *text, const char *old, size_t size, struct sfx_bytes new)
{
    SFX_CLEAN_TEXT struct sfx_text result = {0};
    size_t before = old ? (size_t)(old - text->data) : text->size;
    sfx_text_add(&result, text->data, before);
    sfx_text_add(&result, new.data, new.size);
    sfx_text_add(&result, text->data + before + size, text->size - before - size);
    return result.failed ? ENOMEM : replace_file(path, &result);
}
