/* Licence and messages; see texts.h. */
#include "texts.h"

#include <stdio.h>
#include <strings.h>

#include "help.h"
#include "hooks.h"
#include "os.h"
#include "prompt.h"

static const char newline[] = "\n";

void sfx_text_printable(struct sfx_text *text, struct sfx_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = bytes.data[i];
        /* C1 controls: U+0080 to U+009F */
        bool second = byte == 0xc2 && i + 1 < bytes.size && (bytes.data[i + 1] & 0xe0) == 0x80;
        bool control = second || (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
        if (byte != '\f')
            sfx_text_add(text, control ? "?" : (const char *)&byte, 1);
        i += second;
    }
}

static void show(FILE *file, struct sfx_bytes bytes)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    sfx_text_printable(&text, bytes);
    if (text.size == 0 || text.data[text.size - 1] != '\n')
        sfx_text_add(&text, newline, 1);
    if (text.data)
        fwrite(text.data, 1, text.size, file);
}

/* To people, or to programs. */
static void show_message(const struct sfx_session *session, FILE *file, struct sfx_bytes bytes)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    if (session->options.quiet || bytes.size == 0)
        return;
    sfx_text_printable(&text, bytes);
    if (!session->events.on)
        show(file, bytes);
    else if (text.data)
        sfx_event_text(&session->events, "note", text.data);
}

static size_t count_lines(struct sfx_bytes text)
{
    size_t count = text.size > 0 && text.data[text.size - 1] != '\n';
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == '\n';
    return count;
}

/* ---- The licence ---- */

/* As many bytes as fit ROWS of COLUMNS. */
static size_t page_size(const char *text, size_t size, unsigned rows, unsigned columns)
{
    size_t at = 0;
    while (rows > 0 && at < size) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t line = end ? (size_t)(end - text) - at + 1 : size - at;
        size_t needs = 1 + (line > 1 ? line - 2 : 0) / columns;
        if (needs > rows)
            return at > 0 ? at : line;
        rows -= (unsigned)needs;
        at += line;
    }
    return at;
}

static enum sfx_error page_here(const struct sfx_text *text, struct sfx_fault *fault)
{
    char line[256];
    char *answer;
    unsigned rows;
    unsigned columns;
    sfx_os_terminal_size(2, &rows, &columns);
    for (size_t at = 0; at < text->size;) {
        size_t part = page_size(text->data + at, text->size - at, rows > 3 ? rows - 2 : 1, columns);
        fwrite(text->data + at, 1, part, stderr);
        at += part;
        if (at == text->size)
            break;
        fputs("-- Enter: next page, q: to the end -- ", stderr);
        enum sfx_error error = sfx_read_answer(line, sizeof line, &answer, fault);
        if (error && error != SFX_ERROR_LONG)
            return error;
        if (!error && *answer == 'q')
            break;
    }
    return SFX_OK;
}

static enum sfx_error page(struct sfx_bytes licence, struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    const char *pager = getenv("PAGER");
    int status = 0;
    sfx_text_printable(&text, licence);
    if (text.size > 0 && text.data[text.size - 1] != '\n')
        sfx_text_add(&text, newline, 1);
    if (text.failed)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    bool shown = pager && *pager && sfx_os_is_terminal(1) && sfx_os_page(pager, text.data, text.size, &status) == 0 &&
                 status != 126 && status != 127;             /* it cannot be run, or is not there */
    return shown ? SFX_OK : page_here(&text, fault);
}

static enum sfx_error ask(struct sfx_fault *fault)
{
    char line[256];
    char *answer;
    for (;;) {
        fputs("\n  Do you accept the licence? [yes/no]: ", stderr);
        enum sfx_error error = sfx_read_answer(line, sizeof line, &answer, fault);
        if (error && error != SFX_ERROR_LONG)
            return error;
        if (!error && (strcasecmp(answer, "no") == 0 || strcasecmp(answer, "n") == 0))
            return sfx_fail(fault, SFX_ERROR_USAGE, "the licence was not accepted; nothing was installed");
        if (!error && strcasecmp(answer, "yes") == 0)
            return SFX_OK;
    }
}

static enum sfx_error refuse(const struct sfx_session *session, struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text file = {0};
    sfx_text_shell(&file, session->options.artifact);
    return sfx_fail(fault, SFX_ERROR_USAGE, "it has a licence that is to be accepted first; read it:  %s%s --licenses  and repeat "
                                            "with --accept-license", sfx_words.run, file.data ? file.data : "FILE");
}

enum sfx_error sfx_texts_before(struct sfx_session *session, struct sfx_fault *fault)
{
    const struct sfx_options *options = &session->options;
    struct sfx_bytes message = sfx_index_hook(&session->artifact.index, SFX_HOOK_KIND_MESSAGE_BEFORE);
    struct sfx_bytes licence = sfx_index_hook(&session->artifact.index, SFX_HOOK_KIND_LICENSE);
    bool asks = sfx_can_ask(session);
    bool open = licence.size > 0 && !options->accept_license;
    if (!asks && !options->prefix && !options->batch)
        return SFX_OK;                   /* the question where to install ends this run, and says all that is to be typed */
    if (open && !asks)
        return refuse(session, fault);
    show_message(session, asks ? stderr : stdout, message);
    enum sfx_error error = open ? page(licence, fault) : SFX_OK;
    if (!error && open)
        error = ask(fault);
    if (!error && licence.size > 0)
        sfx_log(session, "the licence was accepted%s", open ? "" : " by --accept-license");
    return error;
}

void sfx_texts_after(const struct sfx_session *session)
{
    struct sfx_bytes message = sfx_index_hook(&session->artifact.index, SFX_HOOK_KIND_MESSAGE_AFTER);
    show_message(session, stdout, message);
}

/* ---- Looking ---- */

void sfx_texts_licence(const struct sfx_index *index)
{
    struct sfx_bytes licence = sfx_index_hook(index, SFX_HOOK_KIND_LICENSE);
    if (licence.size == 0)
        return;
    show(stdout, licence);
    puts("");
}

static const char *lines_text(struct sfx_bytes text, char buffer[32])
{
    size_t count = count_lines(text);
    snprintf(buffer, 32, "%zu line%s", count, count == 1 ? "" : "s");
    return buffer;
}

void sfx_texts_info(const struct sfx_index *index, const char *licence_note)
{
    char lines[32];
    struct sfx_bytes licence = sfx_index_hook(index, SFX_HOOK_KIND_LICENSE);
    if (licence.size > 0)
        printf("licence     %s, %s\n", lines_text(licence, lines), licence_note);
    for (unsigned kind = SFX_HOOK_KIND_PRE_INSTALL; kind <= SFX_HOOK_KIND_MESSAGE_AFTER; kind++) {
        struct sfx_bytes text = sfx_index_hook(index, (enum sfx_hook_kind)kind);
        if (text.size == 0 || kind == SFX_HOOK_KIND_LICENSE)
            continue;
        printf("\n%s: %s\n", sfx_hook_label((enum sfx_hook_kind)kind), lines_text(text, lines));
        show(stdout, text);
    }
}
