/* One run of the program; see session.h. */
#include "session.h"

#include <stdarg.h>
#include <stdio.h>

#include "installed.h"
#include "os.h"
#include "record.h"

/* The name before the artifact is open: that of its file, or of this program. */
static void set_who(struct sfx_session *session, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path;
    snprintf(session->who, sizeof session->who, "%s", name && *name ? name : "sfx");
}

/* The temporary copy the header made lies alone in a folder made for it. */
static void remove_self(const char *path)
{
    SFX_CLEAN_STRING char *folder = path && strrchr(path, '/') ? sfx_path_parent(path) : NULL;
    if (!path)
        return;
    sfx_os_unlink(SFX_OS_HERE, path);
    if (folder)
        sfx_os_remove_directory(SFX_OS_HERE, folder);
}

/* Before all else, also when the other options are wrong; among the options the header gives, which come first. */
static const char *find_self(int count, char **arguments)
{
    for (int i = 1; i + 1 < count && i < 7; i += 2)
        if (strcmp(arguments[i], "--self") == 0)
            return arguments[i + 1];
    return NULL;
}

/* Whoever asked for events gets the result of a wrong command line as one, wherever in it the mistake is. */
static bool wants_events(const struct sfx_options *options, bool is_wrong, int count, char **arguments)
{
    bool asks = options->json;
    enum sfx_action action = options->action;
    for (int i = 1; is_wrong && i < count; i++)
        asks = asks || strcmp(arguments[i], "--json") == 0;
    if (is_wrong)
        return asks && action != SFX_ACTION_INFO && action != SFX_ACTION_LIST && action != SFX_ACTION_CHECK;
    return asks && (action == SFX_ACTION_INSTALL || action == SFX_ACTION_TOOL_VERIFY || action == SFX_ACTION_TOOL_RELOCATE ||
                    action == SFX_ACTION_TOOL_UNINSTALL);
}

/* The command line as it was typed: without what the header puts first. */
static void log_start(struct sfx_session *session, int count, char **arguments)
{
    SFX_CLEAN_TEXT struct sfx_text line = {0};
    struct sfx_os_process process;
    bool installs = session->options.artifact != NULL;
    sfx_os_process(&process);
    sfx_text_shell(&line, installs ? session->options.artifact : "sfx");
    for (int i = 1; i < count; i++) {
        bool is_headers = strcmp(arguments[i], "--artifact") == 0 || strcmp(arguments[i], "--at") == 0 ||
                          strcmp(arguments[i], "--self") == 0;
        if (is_headers && installs) {
            i++;
            continue;
        }
        sfx_text_add(&line, " ", 1);
        sfx_text_shell(&line, arguments[i]);
    }
    if (!line.failed)
        sfx_log(session, "sfxpack " SFX_RELEASE " on %s: %s", process.host, line.data);
}

enum sfx_error sfx_session_check_log(const struct sfx_session *session, const char *prefix, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *log = NULL;
    SFX_CLEAN_STRING char *real = NULL;
    if (!session->options.log)
        return SFX_OK;
    enum sfx_error error = sfx_path_absolute(session->options.log, &log, fault);
    bool inside = !error && sfx_path_is_inside(log, prefix);
    if (!error && !inside && sfx_os_real_path(prefix, &real) == 0 && sfx_path_leads_into(log, real, &inside) != 0)
        inside = false;                  /* opening it says more */
    if (inside)
        error = sfx_fail(fault, SFX_ERROR_USAGE, "the log %s would lie in the prefix, which has its own, "
                                                 SFX_STATE_DIRECTORY "/install.log; name a file outside of it", log);
    return error;
}

/* A log is added to, so nothing is lost by a name that is taken; but for this very file. */
static enum sfx_error open_log(struct sfx_session *session, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int artifact = -1;
    __attribute__((cleanup(sfx_os_closep))) int root = -1;
    const struct sfx_options *options = &session->options;
    struct sfx_os_stat log;
    struct sfx_os_stat own;
    struct sfx_fault ignored;
    SFX_CLEAN_STRING char *prefix = NULL;
    enum sfx_error error = SFX_OK;
    if (options->action == SFX_ACTION_INSTALL && options->prefix)
        error = sfx_path_absolute(options->prefix, &prefix, fault);
    if (options->action == SFX_ACTION_TOOL_UNINSTALL)
        error = sfx_installed_self(&prefix, &root, fault);
    if (!error && prefix)
        error = sfx_session_check_log(session, prefix, fault);
    if (error)
        return error;
    int failed = sfx_os_open_log(options->log, &session->log_file);
    if (failed)
        return sfx_fail_os(fault, failed, "cannot write the log %s", options->log);
    bool is_artifact = options->artifact && sfx_os_open_read(options->artifact, &artifact, &ignored) == SFX_OK &&
                       sfx_os_stat_fd(artifact, &own) == 0 && sfx_os_stat_fd(session->log_file, &log) == 0 &&
                       own.device == log.device && own.inode == log.inode;
    if (!is_artifact)
        return SFX_OK;
    sfx_os_closep(&session->log_file);
    return sfx_fail(fault, SFX_ERROR_USAGE, "--log %s is this file itself; name another", options->log);
}

enum sfx_error sfx_session_open(int count, char **arguments, struct sfx_session *ret_session, struct sfx_fault *fault)
{
    struct sfx_session *session = ret_session;
    memset(session, 0, sizeof *session);
    session->log_file = -1;
    remove_self(find_self(count, arguments));
    set_who(session, count > 0 ? arguments[0] : NULL);
    enum sfx_error error = sfx_cli_parse(count, arguments, &session->options, fault);
    session->events.on = wants_events(&session->options, error != SFX_OK, count, arguments);
    if (session->options.artifact)
        set_who(session, session->options.artifact);
    sfx_os_keep_writes(!session->options.no_sync);
    if (!error && session->options.log)
        error = open_log(session, fault);
    if (error)
        return error;
    log_start(session, count, arguments);
    if (session->log_failed)
        return sfx_fail_os(fault, session->log_failed, "cannot write the log %s", session->options.log);
    return SFX_OK;
}

void sfx_session_close(struct sfx_session *session)
{
    sfx_artifact_close(&session->artifact);
    sfx_os_closep(&session->log_file);
    sfx_text_free(&session->log);
    sfx_events_close(&session->events);
}

enum sfx_error sfx_session_open_artifact(struct sfx_session *session, bool front, struct sfx_fault *fault)
{
    const struct sfx_options *options = &session->options;
    enum sfx_error error = sfx_artifact_open(options->artifact, options->at, front, &session->artifact, fault);
    if (error)
        return error;
    struct sfx_bytes name = sfx_index_string(&session->artifact.index, session->artifact.index.product.name);
    snprintf(session->who, sizeof session->who, "%.*s", SFX_TEXT(name));
    return SFX_OK;
}

/* ---- Saying ---- */

static char *format_line(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static char *format_line(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *line = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (!line)
        return NULL;
    vsnprintf(line, (size_t)size + 1, format, arguments);
    sfx_make_printable(line);
    sfx_os_show_paths(line);
    return line;
}

static void add_to_log(struct sfx_session *session, const char *line)
{
    char date[32];
    sfx_os_date(date);
    size_t before = session->log.size;
    sfx_text_format(&session->log, "%s %s\n", date, line);
    if (session->log_file < 0 || session->log.failed)
        return;
    session->log_failed = sfx_os_write(session->log_file, session->log.data + before, session->log.size - before);
    if (session->log_failed)
        sfx_os_closep(&session->log_file);
}

void sfx_keep_log(struct sfx_session *session, const char *path)
{
    __attribute__((cleanup(sfx_os_closep))) int root = -1;
    struct sfx_bytes rest = {(const uint8_t *)session->log.data + session->log_kept, session->log.size - session->log_kept};
    if (rest.size == 0 || sfx_os_open(SFX_OS_HERE, path, SFX_OS_DIRECTORY, &root) != 0)
        return;
    sfx_record_add_log(root, rest);
    session->log_kept = session->log.size;
}

static void say_line(const struct sfx_session *session, const char *line)
{
    if (!line || session->options.quiet)
        return;
    if (session->events.on)
        sfx_event_text(&session->events, "note", line);
    else
        puts(line);
}

void sfx_say(const struct sfx_session *session, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    SFX_CLEAN_STRING char *line = format_line(format, arguments);
    va_end(arguments);
    say_line(session, line);
}

void sfx_tell(struct sfx_session *session, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    SFX_CLEAN_STRING char *line = format_line(format, arguments);
    va_end(arguments);
    say_line(session, line);
    if (line)
        add_to_log(session, line);
}

void sfx_tell_file(struct sfx_session *session, const char *label, struct sfx_bytes path, const char *text)
{
    SFX_CLEAN_STRING char *line = label ? sfx_print("%s: %.*s (%s)", label, SFX_TEXT(path), text)
                                        : sfx_print("%s: %.*s", text, SFX_TEXT(path));
    if (line)
        sfx_make_printable(line);
    sfx_event_file(&session->events, path, text);
    if (!session->events.on)
        say_line(session, line);
    if (line)
        add_to_log(session, line);
}

void sfx_warn(struct sfx_session *session, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    SFX_CLEAN_STRING char *line = format_line(format, arguments);
    va_end(arguments);
    if (!line)
        return;
    if (!session->options.quiet)
        fprintf(stderr, "%s: warning: %s\n", session->who, line);
    sfx_event_text(&session->events, "warning", line);
    add_to_log(session, line);
}

void sfx_log(struct sfx_session *session, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    SFX_CLEAN_STRING char *line = format_line(format, arguments);
    va_end(arguments);
    if (line)
        add_to_log(session, line);
}

void sfx_say_fault(struct sfx_session *session, const struct sfx_fault *fault)
{
    if (!fault->message[0])
        return;
    fprintf(stderr, "%s: %s\n", session->who, fault->message);
    add_to_log(session, fault->message);
}

const char *sfx_size_text(uint64_t size, char buffer[32])
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    uint64_t divisor = 1;
    while (size / divisor >= 1000 && unit + 1 < sizeof units / sizeof *units) {
        divisor *= 1000;
        unit++;
    }
    unsigned whole = (unsigned)(size / divisor);
    unsigned tenth = unit ? (unsigned)(size % divisor / (divisor / 10)) : 0;
    if (unit && whole < 100)
        snprintf(buffer, 32, "%u.%u %s", whole, tenth, units[unit]);
    else
        snprintf(buffer, 32, "%u %s", whole, units[unit]);
    return buffer;
}

const char *sfx_files_text(const struct sfx_locator *locator, char buffer[64])
{
    char size[32];
    sfx_size_text(locator->total_size, size);
    if (locator->part_count == 0)
        snprintf(buffer, 64, "%s", size);
    else
        snprintf(buffer, 64, "%s in %u files", size, locator->part_count + 1);
    return buffer;
}

char *sfx_product_title(const struct sfx_index *index)
{
    struct sfx_bytes name = sfx_index_string(index, index->product.name);
    struct sfx_bytes release = sfx_index_string(index, index->product.release);
    return sfx_print("%.*s%s%.*s", SFX_TEXT(name), release.size ? " " : "", SFX_TEXT(release));
}
