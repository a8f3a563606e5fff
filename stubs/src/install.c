/* What the installer does with a prefix; see install.h. */
#include "install.h"

#include <errno.h>

#include "commit.h"
#include "compile.h"
#include "help.h"
#include "hooks.h"
#include "os.h"
#include "place.h"
#include "preflight.h"
#include "produce.h"
#include "prompt.h"
#include "rc.h"
#include "record.h"
#include "relocation.h"
#include "texts.h"
#include "uninstall.h"

/* What a place is good for. */
enum decision { PRODUCE_BESIDE, PRODUCE_INSIDE, ALREADY_THERE };

static enum sfx_error fail_other_build(const struct sfx_session *session, const struct sfx_place *place, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *theirs = NULL;
    SFX_CLEAN_STRING char *ours = sfx_product_title(&session->artifact.index);
    struct sfx_record record;
    struct sfx_fault ignored;
    if (sfx_record_open(place->folder, place->path, &record, &ignored) == SFX_OK) {
        theirs = sfx_product_title(&record.index);
        sfx_record_close(&record);
    }
    bool same = theirs && ours && strcmp(theirs, ours) == 0;
    return sfx_fail(fault, SFX_ERROR_PREFIX, "%s holds another installation, %s%s; --force replaces it and keeps what you added or "
                                             "changed", place->path, same ? "another build of " : "", theirs ? theirs : "damaged");
}

static enum sfx_error decide_installed(const struct sfx_session *session, const struct sfx_place *place,
                                       enum decision *ret_decision, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *prefix = NULL;
    uint8_t build[SFX_DIGEST_SIZE];
    struct sfx_os_stat found;
    if (sfx_os_stat(place->folder, SFX_RELOCATING, &found) == 0)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s holds an installation that was being relocated when that run ended; first run "
                                                 "%s/" SFX_STATE_DIRECTORY "/sfx relocate", place->path, place->path);
    if (session->options.force) {
        *ret_decision = place->can_replace_beside ? PRODUCE_BESIDE : PRODUCE_INSIDE;
        return SFX_OK;
    }
    enum sfx_error error = sfx_record_identity(place->folder, place->path, build, &prefix, fault);
    if (error == SFX_ERROR_FORMAT)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s holds an installation whose record is damaged; move the folder away "
                                                 "and install again", place->path);
    if (error)
        return error;
    if (memcmp(build, session->artifact.locator.index_digest, sizeof build) != 0)
        return fail_other_build(session, place, fault);
    if (!sfx_os_same_path(prefix, place->prefix))
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s holds this build, but for the prefix %s; `%s/" SFX_STATE_DIRECTORY
                                                 "/sfx relocate` moves it here, --force replaces it", place->path, prefix, place->path);
    *ret_decision = ALREADY_THERE;
    return SFX_OK;
}

static enum sfx_error decide(const struct sfx_session *session, const struct sfx_place *place, enum decision *ret_decision,
                             struct sfx_fault *fault)
{
    switch (place->occupation) {
    case SFX_PLACE_ABSENT:
        *ret_decision = PRODUCE_BESIDE;
        return SFX_OK;
    case SFX_PLACE_EMPTY:
        *ret_decision = PRODUCE_INSIDE;
        return SFX_OK;
    case SFX_PLACE_LEFTOVER:             /* only where nothing was to be changed, --check-only */
        *ret_decision = place->left_inside ? PRODUCE_INSIDE : PRODUCE_BESIDE;
        return SFX_OK;
    case SFX_PLACE_INSTALLED:
        return decide_installed(session, place, ret_decision, fault);
    case SFX_PLACE_OCCUPIED:
        break;
    }
    return sfx_fail(fault, SFX_ERROR_PREFIX, "%s is not empty and no installation of sfxpack; choose another prefix", place->path);
}

/* Traces of a killed run are removed first; where this user may not, an installation that is complete is still one. */
static enum sfx_error recover(struct sfx_session *session, struct sfx_place *place, struct sfx_fault *fault)
{
    enum sfx_error error = place->uninstalling ? sfx_uninstall_finish(session, place, fault) : SFX_OK;
    if (error || (!place->left_beside && !place->left_inside))
        return error;
    error = sfx_produce_recover(session, place, fault);
    bool complete = place->occupation == SFX_PLACE_INSTALLED && !session->options.force;
    return error == SFX_ERROR_IO && complete ? SFX_OK : error;
}

/* What to type next: one script, or one for each environment. */
static void say_activation(const struct sfx_session *session, const struct sfx_place *place)
{
    const struct sfx_index *index = &session->artifact.index;
    struct sfx_bytes activation = sfx_index_string(index, index->product.activation);
    uint32_t count = index->header.tree_count;
    for (uint32_t i = 0; i < (count ? count : 1); i++) {
        SFX_CLEAN_TEXT struct sfx_text quoted = {0};
        SFX_CLEAN_STRING char *path = NULL;
        struct sfx_bytes name = {(const uint8_t *)"", 0};
        if (count)
            name = sfx_index_string(index, sfx_index_entry(index, index->trees[i].first).path);
        path = sfx_print("%s/%.*s%s%.*s", place->prefix, SFX_TEXT(name), count ? "/" : "", SFX_TEXT(activation));
        if (!path)
            return;
        sfx_text_shell(&quoted, path);
        sfx_say(session, "activate:  %s%s", sfx_words.activate, quoted.data);
    }
}

static void say_end(const struct sfx_session *session, const struct sfx_place *place, bool already)
{
    SFX_CLEAN_TEXT struct sfx_text quoted = {0};
    SFX_CLEAN_TEXT struct sfx_text quoted_tool = {0};
    SFX_CLEAN_STRING char *title = sfx_product_title(&session->artifact.index);
    SFX_CLEAN_STRING char *tool = sfx_print("%s/" SFX_STATE_DIRECTORY "/sfx", place->prefix);
    if (!title || !tool)
        return;
    sfx_text_shell(&quoted, place->prefix);
    sfx_text_shell(&quoted_tool, tool);
    sfx_say(session, "%s is %s in %s", title, already ? "already installed" : "installed", place->prefix);
    if (session->artifact.index.product.activation.size > 0)
        say_activation(session, place);
    else
        sfx_say(session, "use:       its programs are in %s%s", quoted.data, sfx_words.programs);
    sfx_say(session, "move:      %s", sfx_words.moves);
    sfx_say(session, "remove:    %s uninstall", quoted_tool.data);
}

static void log_start(struct sfx_session *session, const struct sfx_place *place)
{
    const struct sfx_index *index = &session->artifact.index;
    SFX_CLEAN_TEXT struct sfx_text build = {0};
    SFX_CLEAN_STRING char *title = sfx_product_title(index);
    sfx_text_hex(&build, session->artifact.locator.index_digest, SFX_DIGEST_SIZE);
    if (title && !build.failed)
        sfx_log(session, "installing %s in %s, build %s by %.*s", title, place->prefix, build.data,
                SFX_TEXT(sfx_index_string(index, index->product.creator)));
}

/* ---- Hooks ---- */

struct hooking {
    struct sfx_session *session;
    const struct sfx_place *place;
};

static enum sfx_error run_hook(const struct hooking *hooking, enum sfx_hook_kind kind, const struct sfx_commit *commit,
                               struct sfx_fault *fault)
{
    bool before = kind == SFX_HOOK_KIND_PRE_INSTALL;
    const struct sfx_hook_run run = {
        .session = hooking->session,
        .index = &hooking->session->artifact.index,
        .kind = kind,
        .prefix = hooking->place->prefix,
        .action = commit->replaces ? "force" : "install",
        .folder = before || !commit->inside ? commit->tree : commit->base,
        .shown = before ? commit->shown : hooking->place->prefix,
    };
    return sfx_hook(&run, fault);
}

static enum sfx_error before(void *context, const struct sfx_commit *commit, struct sfx_fault *fault)
{
    return run_hook(context, SFX_HOOK_KIND_PRE_INSTALL, commit, fault);
}

static enum sfx_error after(void *context, const struct sfx_commit *commit, struct sfx_fault *fault)
{
    return run_hook(context, SFX_HOOK_KIND_POST_INSTALL, commit, fault);
}

/* The same lock for what is made after installing: no other run moves or removes the tree meanwhile. */
static enum sfx_error finish(void *context, struct sfx_fault *fault)
{
    const struct hooking *hooking = context;
    struct sfx_session *session = hooking->session;
    const struct sfx_place *place = hooking->place;
    struct sfx_fault ignored;
    sfx_log(session, "installed in %s", place->prefix);
    enum sfx_error error = sfx_compile(session, place->prefix, fault);
    sfx_keep_log(session, place->path);
    enum sfx_error outside = sfx_rc_add(session, &session->artifact.index, place->prefix, error ? &ignored : fault);
    return error ? error : outside;
}

/* RET_CHANGED: another run was there meanwhile, so that all is to be decided again. */
static enum sfx_error attempt(struct sfx_session *session, struct sfx_place *place, enum decision *ret_decision, bool *ret_changed,
                              struct sfx_fault *fault)
{
    *ret_changed = false;
    enum sfx_error error = recover(session, place, fault);
    if (!error)
        error = decide(session, place, ret_decision, fault);
    if (error || *ret_decision == ALREADY_THERE)
        return error;
    struct sfx_target target = sfx_preflight_target(session, place);
    error = sfx_preflight_place(session, &target, fault);
    if (error)
        return error;
    struct hooking hooking = {session, place};
    struct sfx_production production = {
        .session = session,
        .place = place,
        .prefix = place->prefix,
        .inside = *ret_decision == PRODUCE_INSIDE,
        .record = true,
        .log = true,
        .verb = "installing",
        .before = before,
        .after = sfx_hook_runs(session, &session->artifact.index, SFX_HOOK_KIND_POST_INSTALL) ? after : NULL,
        .finish = finish,
        .context = &hooking,
        .modes = target.modes,
    };
    log_start(session, place);
    if (session->options.skip_hooks)
        sfx_log(session, "hooks are skipped");
    return sfx_produce(&production, ret_changed, fault);
}

/* An installation stays as it is. */
static void check_modes(struct sfx_session *session, const struct sfx_place *place)
{
    enum sfx_modes wanted = session->options.modes;
    enum sfx_modes found = sfx_record_modes(place->folder);
    if (wanted && strcmp(sfx_modes_name(wanted), sfx_modes_name(found)) != 0)
        sfx_warn(session, "its mode is %s and stays so; --force --mode %s changes it", sfx_modes_name(found), sfx_modes_name(wanted));
}

/* Where this user may make folders and no files, as in the root of a drive on Windows, everything is made in the folder itself. */
static enum sfx_error make_folder(struct sfx_place *place, bool *ret_made, struct sfx_fault *fault)
{
    *ret_made = false;
    if (place->occupation != SFX_PLACE_ABSENT || place->parent < 0 || sfx_os_is_writable(place->parent_path) ||
        !sfx_os_adds_folders(place->parent_path))
        return SFX_OK;
    int error = sfx_os_make_directory(place->parent, place->name, 0755);
    if (error && error != EEXIST)
        return sfx_fail_os(fault, error, "cannot create %s; choose a prefix you may write to", place->path);
    *ret_made = !error;
    return sfx_place_look(place, fault);
}

static enum sfx_error install_at(struct sfx_session *session, struct sfx_place *place, struct sfx_fault *fault)
{
    enum decision decision = ALREADY_THERE;
    bool changed = true;
    bool made;
    enum sfx_error error = make_folder(place, &made, fault);
    while (!error && changed)
        error = attempt(session, place, &decision, &changed, fault);
    if (error && error != SFX_ERROR_EXCEPTIONS) {
        sfx_os_closep(&place->folder);
        if (made)
            sfx_os_remove_directory(place->parent, place->name);
        return error;
    }
    session->events.result = decision == ALREADY_THERE ? "already-installed" : "installed";
    if (decision == ALREADY_THERE) {
        sfx_log(session, "already installed in %s", place->prefix);
        say_end(session, place, true);
        check_modes(session, place);
        return sfx_rc_add(session, &session->artifact.index, place->prefix, fault);
    }
    say_end(session, place, false);
    sfx_texts_after(session);
    return error;
}

static enum sfx_error choose_place(struct sfx_session *session, struct sfx_place *ret_place, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *prefix = NULL;
    enum sfx_error error = sfx_choose_prefix(session, &prefix, fault);
    if (!error)
        error = sfx_session_check_log(session, prefix, fault);
    if (!error)
        error = sfx_preflight_prefix(session, &session->artifact.index, prefix, fault);
    return error ? error : sfx_place_open(prefix, ret_place, fault);
}

/* Programs are told first where; they are not asked. */
static enum sfx_error announce(struct sfx_session *session, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *prefix = NULL;
    enum sfx_error error = session->events.on ? sfx_choose_prefix(session, &prefix, fault) : SFX_OK;
    if (!prefix)
        return error;
    sfx_event_start(&session->events, "install", prefix, &session->artifact.index, session->artifact.locator.index_digest);
    sfx_event_phase(&session->events, "check");
    return SFX_OK;
}

enum sfx_error sfx_install(struct sfx_session *session, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_place_close))) struct sfx_place place = {.parent = -1, .folder = -1};
    enum sfx_error error = announce(session, fault);
    if (!error)
        error = sfx_rc_check(session, &session->artifact.index, fault);
    if (!error)
        error = sfx_preflight_machine(session, fault);
    if (!error)
        error = sfx_texts_before(session, fault);
    if (!error)
        error = choose_place(session, &place, fault);
    return error ? error : install_at(session, &place, fault);
}

/* What a killed --force has to give back decides, as it will be there again. */
static void foresee(struct sfx_place *place)
{
    __attribute__((cleanup(sfx_os_closep))) int old = -1;
    struct sfx_os_stat found;
    if (place->occupation != SFX_PLACE_LEFTOVER || place->uninstalling || place->spent_record)
        return;
    bool inside = sfx_os_stat(place->folder, SFX_STAGING_INSIDE, &found) == 0;
    int error = sfx_os_open(inside ? place->folder : place->parent, inside ? SFX_STAGING_INSIDE "/" SFX_STAGING_OLD : place->staging,
                            SFX_OS_DIRECTORY, &old);
    if (error || sfx_os_stat(old, SFX_MANIFEST_PATH, &found) != 0)
        return;
    sfx_os_closep(&place->folder);
    place->folder = old;
    place->occupation = SFX_PLACE_INSTALLED;
    old = -1;
}

enum sfx_error sfx_check_only(struct sfx_session *session, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_place_close))) struct sfx_place place = {.parent = -1, .folder = -1};
    SFX_CLEAN_STRING char *prefix = NULL;
    enum decision decision;
    enum sfx_error error = sfx_default_prefix(session, &prefix, fault);
    if (error)
        return error;
    struct sfx_fault place_fault = {0};
    error = sfx_place_open(prefix, &place, &place_fault);
    if (!error)
        foresee(&place);
    if (!error)
        error = decide(session, &place, &decision, &place_fault);
    struct sfx_target target = sfx_preflight_target(session, &place);
    return sfx_preflight_report(session, prefix, &target, &place_fault, fault);
}
