/* Start-up files of shells are of other systems; see rc.h. */
#include "rc.h"

enum sfx_error sfx_rc_check(const struct sfx_session *session, const struct sfx_index *index, struct sfx_fault *fault)
{
    (void)index;
    if (!session->options.modify_rc)
        return SFX_OK;
    return sfx_fail(fault, SFX_ERROR_USAGE, "--modify-rc is for the shells of other systems");
}

enum sfx_error sfx_rc_add(struct sfx_session *session, const struct sfx_index *index, const char *prefix, struct sfx_fault *fault)
{
    (void)session;
    (void)index;
    (void)prefix;
    (void)fault;
    return SFX_OK;
}

bool sfx_rc_follows(int root, const char *prefix)
{
    (void)root;
    (void)prefix;
    return true;
}

enum sfx_error sfx_rc_move(struct sfx_session *session, const struct sfx_index *index, int root, const char *prefix)
{
    (void)session;
    (void)index;
    (void)root;
    (void)prefix;
    return SFX_OK;
}

enum sfx_error sfx_rc_remove(struct sfx_session *session, const struct sfx_index *index, int root, const char *prefix)
{
    (void)session;
    (void)index;
    (void)root;
    (void)prefix;
    return SFX_OK;
}

int sfx_rc_take_over(int root, int tree)
{
    (void)root;
    (void)tree;
    return 0;
}
