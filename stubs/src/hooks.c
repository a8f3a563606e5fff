/* Scripts of the vendor's; see hooks.h. */
#include "hooks.h"

#include <errno.h>
#include <stdio.h>

#include "os.h"
#include "prompt.h"
#include "texts.h"

#define MOST_LOGGED (1u << 20)           /* bytes of a script's output in the log */
#define MOST_VARIABLES 16u

/* What the first line names, and where the script lies. */
struct script {
    const char *label;
    char *name;                          /* below the folder */
    char *path;
    struct sfx_os_interpreter interpreter;
    char *argument;                      /* NULL: none */
};

struct output {
    struct sfx_session *session;
    const char *label;
    struct sfx_text lines[2];            /* the beginning of a line, of standard output and of error */
    size_t logged;
    bool is_open[2];                     /* what was passed on did not end with a newline */
};

const char *sfx_hook_label(enum sfx_hook_kind kind)
{
    switch (kind) {
    case SFX_HOOK_KIND_PRE_INSTALL: return "pre-install";
    case SFX_HOOK_KIND_POST_INSTALL: return "post-install";
    case SFX_HOOK_KIND_PRE_UNINSTALL: return "pre-uninstall";
    case SFX_HOOK_KIND_LICENSE: return "license";
    case SFX_HOOK_KIND_MESSAGE_BEFORE: return "message-before";
    case SFX_HOOK_KIND_MESSAGE_AFTER: return "message-after";
    }
    return "hook";
}

bool sfx_hook_runs(const struct sfx_session *session, const struct sfx_index *index, enum sfx_hook_kind kind)
{
    return !session->options.skip_hooks && sfx_index_hook(index, kind).size > 0;
}

/* ---- The script ---- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* One that the system knows by its name, an absolute path, or one below the prefix. */
static enum sfx_error find_interpreter(const struct sfx_hook_run *run, char *name, struct script *script, struct sfx_fault *fault)
{
    struct sfx_os_interpreter *interpreter = &script->interpreter;
    int error = sfx_os_interpreter(name, interpreter);
    if (error == ENOENT) {
        sfx_os_from_native(name);
        *interpreter = (struct sfx_os_interpreter){.suffix = "", .head = ""};
        interpreter->path = sfx_os_root_size(name) > 0 ? strdup(name) : sfx_path_join(run->prefix, name);
    }
    return interpreter->path ? SFX_OK : sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
}

/* As a kernel reads the first line: a path, and all that follows as one argument. */
static enum sfx_error read_first_line(const struct sfx_hook_run *run, struct sfx_bytes text, struct script *script,
                                      struct sfx_fault *fault)
{
    const uint8_t *newline = memchr(text.data, '\n', text.size);
    size_t end = newline ? (size_t)(newline - text.data) : text.size;
    size_t start = 2;
    while (end > start && is_blank(text.data[end - 1]))
        end--;
    while (start < end && is_blank(text.data[start]))
        start++;
    size_t path_end = start;
    while (path_end < end && !is_blank(text.data[path_end]))
        path_end++;
    size_t rest = path_end;
    while (rest < end && is_blank(text.data[rest]))
        rest++;
    if (path_end == start)
        return sfx_fail(fault, SFX_ERROR_HOOK, "the first line of %s names no interpreter", script->label);
    SFX_CLEAN_STRING char *name = sfx_print("%.*s", (int)(path_end - start), (const char *)text.data + start);
    if (rest < end)
        script->argument = sfx_print("%.*s", (int)(end - rest), (const char *)text.data + rest);
    if (!name || (rest < end && !script->argument))
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    return find_interpreter(run, name, script, fault);
}

static int write_lines(int fd, struct sfx_bytes text, const struct sfx_os_interpreter *interpreter)
{
    SFX_CLEAN_TEXT struct sfx_text lines = {0};
    sfx_text_add(&lines, interpreter->head, strlen(interpreter->head));
    for (size_t at = 0; at < text.size;) {
        const uint8_t *newline = interpreter->with_cr ? memchr(text.data + at, '\n', text.size - at) : NULL;
        size_t size = newline ? (size_t)(newline - text.data) - at : text.size - at;
        sfx_text_add(&lines, text.data + at, size);
        if (newline)
            sfx_text_add(&lines, "\r\n", 2);
        at += size + (newline != NULL);
    }
    return lines.failed ? ENOMEM : sfx_os_write(fd, lines.data, lines.size);
}

/* A file of its own that nobody else may read: it is not told what the vendor writes into it. */
static enum sfx_error write_script(const struct sfx_hook_run *run, struct sfx_bytes text, struct script *script,
                                   struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    script->name = sfx_print(SFX_STATE_DIRECTORY "/%s%s", script->label, script->interpreter.suffix);
    SFX_CLEAN_STRING char *path = script->name ? sfx_path_join(run->shown, script->name) : NULL;
    script->path = path ? sfx_os_native(path) : NULL;
    if (!script->path)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    int error = sfx_os_unlink(run->folder, script->name);     /* of a run that was killed */
    if (!error || error == ENOENT)
        error = sfx_os_create(run->folder, script->name, 0700, &fd);
    if (!error)
        error = write_lines(fd, text, &script->interpreter);
    return error ? sfx_fail_os(fault, error, "cannot write %s", script->path) : SFX_OK;
}

static enum sfx_error drop_script(const struct sfx_hook_run *run, struct script *script, enum sfx_error failed,
                                  struct sfx_fault *fault)
{
    int error = script->name ? sfx_os_unlink(run->folder, script->name) : 0;
    if (error && error != ENOENT && !failed)
        failed = sfx_fail_os(fault, error, "cannot remove %s", script->path);
    sfx_free_string(&script->name);
    sfx_free_string(&script->path);
    sfx_free_string(&script->interpreter.path);
    sfx_free_string(&script->argument);
    return failed;
}

/* ---- What it writes ---- */

static void log_line(struct output *output, int which)
{
    struct sfx_text *line = &output->lines[which];
    if (line->size > 0 && output->logged < MOST_LOGGED) {
        sfx_log(output->session, "%s: %s", output->label, line->data);
        if (output->session->events.on)
            sfx_say(output->session, "%s: %s", output->label, line->data);
    }
    output->logged += line->size;
    line->size = 0;
}

static void take(void *context, bool is_error, const char *data, size_t size)
{
    struct output *output = context;
    bool is_said = !output->session->options.quiet && !output->session->events.on;
    if (size > 0 && (is_error || is_said)) {
        sfx_os_write(is_error ? 2 : 1, data, size);          /* where nobody reads, there is still the log */
        output->is_open[is_error] = data[size - 1] != '\n';
    }
    for (size_t done = 0; done < size;) {
        const char *newline = memchr(data + done, '\n', size - done);
        size_t part = newline ? (size_t)(newline - data) - done : size - done;
        struct sfx_bytes bytes = {(const uint8_t *)data + done, part};
        sfx_text_printable(&output->lines[is_error], bytes);
        if (newline || output->lines[is_error].size > 4096)
            log_line(output, is_error);
        done += part + (newline != NULL);
    }
}

/* ---- Running ---- */

/* What was typed, as the system spells it; malloced, NULL if nothing was. */
static char *absolute(const char *typed)
{
    SFX_CLEAN_STRING char *path = NULL;
    struct sfx_fault ignored;
    return typed && sfx_path_absolute(typed, &path, &ignored) == SFX_OK ? sfx_os_native(path) : NULL;
}

/* `NAME=VALUE`, NULL-ended; freed by free_variables. */
static enum sfx_error make_variables(const struct sfx_hook_run *run, const struct script *script,
                                     char *variables[MOST_VARIABLES], struct sfx_fault *fault)
{
    const struct sfx_options *options = &run->session->options;
    const struct sfx_product *product = &run->index->product;
    SFX_CLEAN_STRING char *artifact = absolute(options->artifact);
    SFX_CLEAN_STRING char *log = absolute(options->log);
    SFX_CLEAN_STRING char *prefix = sfx_os_native(run->prefix);
    size_t count = 0;
    variables[count++] = sfx_print("SFXPACK_HOOK=%s", script->label);
    variables[count++] = sfx_print("SFXPACK_ACTION=%s", run->action);
    variables[count++] = prefix ? sfx_print("SFXPACK_PREFIX=%s", prefix) : NULL;
    variables[count++] = sfx_print("SFXPACK_NAME=%.*s", SFX_TEXT(sfx_index_string(run->index, product->name)));
    variables[count++] = sfx_print("SFXPACK_RELEASE=%.*s", SFX_TEXT(sfx_index_string(run->index, product->release)));
    variables[count++] = sfx_print("SFXPACK_PLATFORM=%s", sfx_platform_label(run->index->platform));
    variables[count++] = sfx_print("SFXPACK_ARTIFACT=%s", artifact ? artifact : "");
    variables[count++] = sfx_print("SFXPACK_LOG=%s", log ? log : "");
    variables[count++] = sfx_print("SFXPACK_BATCH=%d", !sfx_can_ask(run->session));
    for (size_t i = 0; i < count; i++)
        if (!variables[i])
            return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    return SFX_OK;
}

/* After the last one that is for who takes the tree back to say. */
static const char *what_holds(enum sfx_hook_kind kind)
{
    return kind == SFX_HOOK_KIND_PRE_INSTALL    ? "; nothing was installed"
           : kind == SFX_HOOK_KIND_POST_INSTALL ? ""
                                                : "; nothing was removed";
}

static enum sfx_error judge(const struct sfx_hook_run *run, const struct script *script, int error, int status,
                            struct sfx_fault *fault)
{
    const char *holds = what_holds(run->kind);
    int number = sfx_os_interrupted();
    if (number) {
        sfx_fail(fault, SFX_ERROR_INTERRUPTED, "interrupted while %s ran%s", script->label, holds);
        fault->os_error = number;
        return SFX_ERROR_INTERRUPTED;
    }
    if (error)
        return sfx_fail(fault, SFX_ERROR_HOOK, "%s cannot be run by %s: %s%s (--skip-hooks does without)", script->label,
                        script->interpreter.path, sfx_os_error_text(error), holds);
    if (sfx_os_signal_of(status))
        return sfx_fail(fault, SFX_ERROR_HOOK, "%s was ended by signal %d%s (--skip-hooks does without)", script->label,
                        sfx_os_signal_of(status), holds);
    if (status != 0)
        return sfx_fail(fault, SFX_ERROR_HOOK, "%s ended with status %d%s (--skip-hooks does without)", script->label, status,
                        holds);
    sfx_log(run->session, "%s ended well", script->label);
    return SFX_OK;
}

static enum sfx_error run_script(const struct sfx_hook_run *run, const struct script *script, struct sfx_fault *fault)
{
    char *variables[MOST_VARIABLES] = {NULL};
    struct output output = {.session = run->session, .label = script->label};
    const char *arguments[8] = {script->interpreter.path};
    size_t used = 1;
    for (const char *const *at = script->interpreter.arguments; *at; at++)
        arguments[used++] = *at;
    if (script->argument)
        arguments[used++] = script->argument;
    arguments[used] = script->path;
    int status = 0;
    enum sfx_error failed = make_variables(run, script, variables, fault);
    const struct sfx_os_command command = {
        .arguments = arguments,
        .variables = (const char *const *)(uintptr_t)variables,
        .folder = run->kind == SFX_HOOK_KIND_PRE_INSTALL ? NULL : run->prefix,
        .as_caller = true,
        .reads = sfx_can_ask(run->session),
        .sink = take,
        .context = &output,
    };
    if (!failed) {
        sfx_event_phase(&run->session->events, "hook");
        sfx_say(run->session, "running %s", script->label);
        sfx_log(run->session, "running %s with %s", script->label, script->interpreter.path);
        fflush(stdout);
        int error = sfx_os_run(&command, &status);
        for (int which = 0; which < 2; which++) {
            log_line(&output, which);
            if (output.is_open[which])
                sfx_os_write(which + 1, "\n", 1);
        }
        failed = judge(run, script, error, status, fault);
    }
    for (size_t i = 0; i < MOST_VARIABLES; i++)
        free(variables[i]);
    sfx_text_free(&output.lines[0]);
    sfx_text_free(&output.lines[1]);
    return failed;
}

enum sfx_error sfx_hook(const struct sfx_hook_run *run, struct sfx_fault *fault)
{
    struct script script = {.label = sfx_hook_label(run->kind)};
    struct sfx_bytes text = sfx_index_hook(run->index, run->kind);
    if (!sfx_hook_runs(run->session, run->index, run->kind))
        return SFX_OK;
    enum sfx_error error = read_first_line(run, text, &script, fault);
    if (!error)
        error = write_script(run, text, &script, fault);
    if (!error)
        error = run_script(run, &script, fault);
    return drop_script(run, &script, error, fault);
}
