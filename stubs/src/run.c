/* `sfx run`; see run.h. */
#include "run.h"

#include <errno.h>

#include "installed.h"
#include "os.h"

/* The prefix as its files name it. */
static enum sfx_error find_prefix(char **ret_prefix, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int root = -1;
    SFX_CLEAN_STRING char *path = NULL;
    uint8_t build[SFX_DIGEST_SIZE];
    enum sfx_error error = sfx_installed_self(&path, &root, fault);
    if (!error)
        error = sfx_record_identity(root, path, build, ret_prefix, fault);
    if (!error && !sfx_installed_is_at(root, *ret_prefix))
        error = sfx_fail(fault, SFX_ERROR_PREFIX, "moved: made for %s, lies in %s; `sfx relocate` makes it right", *ret_prefix, path);
    return error;
}

enum sfx_error sfx_run(const struct sfx_session *session, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *prefix = NULL;
    char *const *command = session->options.command;
    enum sfx_error error = find_prefix(&prefix, fault);
    if (error)
        return error;
    int failed = sfx_os_become(prefix, command);
    if (failed == ENOTDIR)
        return sfx_fail(fault, SFX_ERROR_USAGE, "%s has no programs of its own; call those of an environment in it by their paths", prefix);
    return sfx_fail_os(fault, failed, "cannot run %s", command[0]);
}
