/* Which prefix; see prompt.h. */
#include "prompt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "help.h"
#include "os.h"

static enum sfx_error no_memory(struct sfx_fault *fault)
{
    return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
}

/* What the builder set, else among this user's programs. */
static enum sfx_error find_default(const struct sfx_session *session, char **ret_typed, struct sfx_fault *fault)
{
    const struct sfx_index *index = &session->artifact.index;
    struct sfx_bytes set = sfx_index_string(index, index->product.default_prefix);
    struct sfx_bytes name = sfx_index_string(index, index->product.name);
    SFX_CLEAN_STRING char *programs = NULL;
    SFX_CLEAN_STRING char *text = sfx_print("%.*s", SFX_TEXT(set));
    if (set.size > 0)
        *ret_typed = text ? sfx_os_expand(text) : NULL;
    else if (sfx_os_programs(&programs) == 0)
        *ret_typed = sfx_print("%s/%.*s", programs, SFX_TEXT(name));
    else
        return sfx_fail(fault, SFX_ERROR_USAGE, "no folder of this user's is known, so there is no default prefix; say where: --prefix DIR");
    return *ret_typed ? SFX_OK : no_memory(fault);
}

enum sfx_error sfx_default_prefix(const struct sfx_session *session, char **ret_prefix, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *typed = NULL;
    if (session->options.prefix)
        return sfx_path_absolute(session->options.prefix, ret_prefix, fault);
    enum sfx_error error = find_default(session, &typed, fault);
    return error ? error : sfx_path_absolute(typed, ret_prefix, fault);
}

static void show_screen(const struct sfx_session *session, const char *prefix)
{
    const struct sfx_index *index = &session->artifact.index;
    SFX_CLEAN_STRING char *title = sfx_product_title(index);
    SFX_CLEAN_STRING char *existing = sfx_path_existing(prefix);
    SFX_CLEAN_STRING char *native = existing ? sfx_os_native(existing) : NULL;
    struct sfx_os_space space;
    char text[32];
    uint32_t limit = index->product.prefix_limit;
    fprintf(stderr, "\n  %s for %s\n\n", title ? title : session->who, sfx_platform_label(session->artifact.locator.platform));
    fprintf(stderr, "  size        %s in %u entries\n", sfx_size_text(index->product.tree_size, text), index->header.entry_count);
    if (existing && sfx_os_space(existing, &space) == 0)
        fprintf(stderr, "  free        %s in %s\n", sfx_size_text(space.free_bytes, text), native ? native : existing);
    if (limit == SFX_NO_LIMIT)
        fprintf(stderr, "  prefix      of any length\n\n");
    else
        fprintf(stderr, "  prefix      at most %u bytes long\n\n", limit);
}

/* There is no shell that would do it. */
static char *expand_home(const char *typed)
{
    SFX_CLEAN_STRING char *home = sfx_os_home();
    if (typed[0] == '~' && (typed[1] == '/' || !typed[1]) && home)
        return sfx_print("%s%s", home, typed + 1);
    return strdup(typed);
}

enum sfx_error sfx_read_answer(char *line, size_t room, char **ret_start, struct sfx_fault *fault)
{
    int error = sfx_os_read_line(0, line, room);
    if (error == ENODATA || error == EINTR) {
        fputc('\n', stderr);
        sfx_fail(fault, SFX_ERROR_INTERRUPTED, "nothing was installed");
        fault->os_error = error == EINTR ? sfx_os_interrupted() : SIGINT;
        return SFX_ERROR_INTERRUPTED;
    }
    if (error == ENAMETOOLONG)
        return sfx_fail(fault, SFX_ERROR_LONG, "the answer is too long");
    if (error)
        return sfx_fail_os(fault, error, "cannot read the answer");
    size_t size = strlen(line);
    while (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '\t' || line[size - 1] == '\r'))
        line[--size] = '\0';
    *ret_start = line + strspn(line, " \t");
    return SFX_OK;
}

static bool is_yes_or_no(const char *answer)
{
    static const char *const words[] = {"y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(answer, words[i]) == 0)
            return true;
    return false;
}

static enum sfx_error ask(const char *proposal, char **ret_typed, struct sfx_fault *fault)
{
    char line[SFX_MAX_PREFIX + 1];
    fprintf(stderr, "  Install in [%s]: ", proposal);
    char *start;
    enum sfx_error error = sfx_read_answer(line, sizeof line, &start, fault);
    if (error == SFX_ERROR_LONG)
        return sfx_fail(fault, SFX_ERROR_LONG, "the prefix is longer than %u bytes", SFX_MAX_PREFIX);
    if (error)
        return error;
    if (is_yes_or_no(start))
        return sfx_fail(fault, SFX_ERROR_USAGE, "`%s` is no answer to where; run it again and type a path, or nothing but Enter for %s "
                                                "(a folder of that name: ./%s)", start, proposal, start);
    *ret_typed = *start ? expand_home(start) : strdup(proposal);
    return *ret_typed ? SFX_OK : no_memory(fault);
}

/* The exact line to type; the file as it was called. */
static enum sfx_error refuse(const struct sfx_session *session, const char *proposal, struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text line = {0};
    const char *artifact = session->options.artifact;
    sfx_text_format(&line, "%s", sfx_words.run);
    sfx_text_shell(&line, artifact);
    sfx_text_format(&line, " --prefix ");
    sfx_text_shell(&line, proposal);
    bool licensed = sfx_index_hook(&session->artifact.index, SFX_HOOK_KIND_LICENSE).size > 0;
    return sfx_fail(fault, SFX_ERROR_USAGE, "%s to ask where to install; type:  %s%s",
                    session->events.on ? "with --json there is nobody" : "there is no terminal",
                    line.data ? line.data : "--prefix DIR", licensed ? " --accept-license" : "");
}

static bool is_told(const struct sfx_session *session)
{
    return session->options.prefix || session->options.batch;
}

bool sfx_can_ask(const struct sfx_session *session)
{
    return !session->events.on && !is_told(session) && sfx_os_is_terminal(0) && sfx_os_is_terminal(2);
}

enum sfx_error sfx_choose_prefix(struct sfx_session *session, char **ret_prefix, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *typed = NULL;
    SFX_CLEAN_STRING char *proposal = NULL;
    SFX_CLEAN_STRING char *native = NULL;
    if (is_told(session))
        return sfx_default_prefix(session, ret_prefix, fault);
    enum sfx_error error = sfx_default_prefix(session, &proposal, fault);
    if (error)
        return error;
    native = sfx_os_native(proposal);
    if (!native)
        return no_memory(fault);
    if (!sfx_can_ask(session))
        return refuse(session, native, fault);
    show_screen(session, proposal);
    error = ask(native, &typed, fault);
    return error ? error : sfx_path_absolute(typed, ret_prefix, fault);
}
