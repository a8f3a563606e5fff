/* One run of the program; see session.h. */
#include "session.h"

#include <stdarg.h>
#include <stdio.h>

#include "os.h"

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

enum sfx_error sfx_session_open(int count, char **arguments, struct sfx_session *ret_session, struct sfx_fault *fault)
{
    memset(ret_session, 0, sizeof *ret_session);
    ret_session->artifact.fd = ret_session->log_file = -1;
    remove_self(find_self(count, arguments));
    set_who(ret_session, count > 0 ? arguments[0] : NULL);
    enum sfx_error error = sfx_cli_parse(count, arguments, &ret_session->options, fault);
    if (ret_session->options.artifact)
        set_who(ret_session, ret_session->options.artifact);
    if (error || !ret_session->options.log)
        return error;
    int failed = sfx_os_create_log(ret_session->options.log, &ret_session->log_file);
    return failed ? sfx_fail_os(fault, failed, "cannot write the log %s", ret_session->options.log) : SFX_OK;
}

void sfx_session_close(struct sfx_session *session)
{
    if (session->artifact.fd >= 0)
        sfx_artifact_close(&session->artifact);
    sfx_os_closep(&session->log_file);
    sfx_text_free(&session->log);
}

enum sfx_error sfx_session_open_artifact(struct sfx_session *session, bool front, struct sfx_fault *fault)
{
    const struct sfx_options *options = &session->options;
    enum sfx_error error = sfx_artifact_open(options->artifact, options->at, front, &session->artifact, fault);
    if (error) {
        session->artifact.fd = -1;
        return error;
    }
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
    if (line)
        vsnprintf(line, (size_t)size + 1, format, arguments);
    return line;
}

static void add_to_log(struct sfx_session *session, const char *line)
{
    char date[32];
    sfx_os_date(date);
    size_t before = session->log.size;
    sfx_text_format(&session->log, "%s %s\n", date, line);
    if (session->log_file >= 0 && session->log.data)
        sfx_os_write(session->log_file, session->log.data + before, session->log.size - before);
}

void sfx_say(const struct sfx_session *session, const char *format, ...)
{
    va_list arguments;
    if (session->options.quiet)
        return;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
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

char *sfx_product_title(const struct sfx_index *index)
{
    struct sfx_bytes name = sfx_index_string(index, index->product.name);
    struct sfx_bytes release = sfx_index_string(index, index->product.release);
    return sfx_print("%.*s%s%.*s", SFX_TEXT(name), release.size ? " " : "", SFX_TEXT(release));
}
