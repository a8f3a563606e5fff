#include "shebang.h"

#include "prefix.h"

/* The re-exec forms that name the interpreter: BEFORE INTERPRETER ARGUMENTS AFTER. With PERL the arguments stand behind
 * AFTER, in the line that perl -x looks for. */
struct form {
    const char *before;
    const char *after;
};

static struct form find_form(uint8_t detail)
{
    switch ((enum sfx_shebang_form)detail) {
    case SFX_SHEBANG_FORM_PYTHON:
        return (struct form){"#!/bin/sh\n'''exec' ", " \"$0\" \"$@\"\n' '''"};
    case SFX_SHEBANG_FORM_SHELL:
        return (struct form){
            "#!/bin/sh\nif test -z \"${SFXPACK_REEXEC-}\"; then SFXPACK_REEXEC=1; export SFXPACK_REEXEC; exec ",
            " \"$0\" \"$@\"; fi; unset SFXPACK_REEXEC",
        };
    case SFX_SHEBANG_FORM_PERL:
        return (struct form){"#!/bin/sh\nexec ", " -x \"$0\" \"$@\"\n"};
    case SFX_SHEBANG_FORM_NODE:
        return (struct form){"#!/bin/sh\n':' //; exec ", " \"$0\" \"$@\""};
    case SFX_SHEBANG_FORM_ENV:
        break;
    }
    return (struct form){"#!/usr/bin/env ", ""};
}

/* A neutral line, divided. A hit counts as a byte that is no blank. */
struct parts {
    size_t interpreter, interpreter_end;
    size_t arguments, arguments_end;
    uint32_t interpreter_hits;        /* the others are the arguments' */
};

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static uint32_t hit_at(const struct sfx_shebang *shebang, uint32_t at)
{
    return sfx_index_hit(shebang->index, shebang->first_hit + at);
}

static struct sfx_bytes plain_prefix(const struct sfx_shebang *shebang)
{
    return sfx_prefix_spelling(shebang->prefix, SFX_ENCODING_PLAIN);
}

struct sfx_bytes sfx_shebang_line(const struct sfx_shebang *shebang)
{
    return sfx_index_string(shebang->index, (struct sfx_string){shebang->site.target, shebang->site.span});
}

/* First place from AT that is not blank, or has hit HIT. */
static size_t skip_blanks(const struct sfx_shebang *shebang, struct sfx_bytes line, size_t at, uint32_t hit)
{
    size_t stop = hit < shebang->site.hit_count ? hit_at(shebang, hit) : line.size;
    while (at < stop && is_blank(line.data[at]))
        at++;
    return at;
}

static struct parts divide(const struct sfx_shebang *shebang, struct sfx_bytes line)
{
    struct parts parts = {.interpreter = skip_blanks(shebang, line, 2, 0)};
    size_t at = parts.interpreter;
    while (at < line.size && !is_blank(line.data[at]))
        at++;
    parts.interpreter_end = at;
    while (parts.interpreter_hits < shebang->site.hit_count && hit_at(shebang, parts.interpreter_hits) <= at)
        parts.interpreter_hits++;
    parts.arguments = skip_blanks(shebang, line, at, parts.interpreter_hits);
    size_t last_hit = hit_at(shebang, (uint32_t)shebang->site.hit_count - 1);
    size_t stop = last_hit > parts.arguments ? last_hit : parts.arguments;
    parts.arguments_end = line.size;
    while (parts.arguments_end > stop && is_blank(line.data[parts.arguments_end - 1]))
        parts.arguments_end--;
    return parts;
}

/* The line from AT to END with the prefix at the hits from the first to before the second of HITS. */
static void expand(const struct sfx_shebang *shebang, size_t at, size_t end, const uint32_t hits[2],
                   struct sfx_buffer *out)
{
    const uint8_t *line = sfx_shebang_line(shebang).data;
    struct sfx_bytes prefix = plain_prefix(shebang);
    for (uint32_t i = hits[0]; i < hits[1]; i++) {
        size_t hit = hit_at(shebang, i);
        sfx_buffer_add(out, line + at, hit - at);
        sfx_buffer_add(out, prefix.data, prefix.size);
        at = hit;
    }
    sfx_buffer_add(out, line + at, end - at);
}

#define SHELL_SPECIAL "\\\"$`"      /* between double quotes: POSIX.1-2017, XCU 2.2.3 */
#define ENV_SPECIAL "\\\"$"         /* the same for env -S of GNU and FreeBSD, where an escaped backquote is an error */

#define PYTHON_SPECIAL "$`"         /* of these a backslash makes an escape that a Python string does not have */

/* One word in double quotes; a backslash before each byte of SPECIAL, single quotes around each of APART. */
static void add_quoted(struct sfx_buffer *out, const struct sfx_buffer *text, const char *special, const char *apart)
{
    sfx_buffer_add(out, "\"", 1);
    for (size_t i = 0; i < text->size; i++) {            /* neither a line nor a prefix holds a NUL */
        bool is_apart = strchr(apart, text->data[i]) != NULL;
        if (is_apart)
            sfx_buffer_add_text(out, "\"'");
        else if (strchr(special, text->data[i]) != NULL)
            sfx_buffer_add(out, "\\", 1);
        sfx_buffer_add(out, text->data + i, 1);
        if (is_apart)
            sfx_buffer_add_text(out, "'\"");
    }
    sfx_buffer_add(out, "\"", 1);
}

static struct sfx_bytes last_component(struct sfx_bytes path)
{
    size_t start = path.size;
    while (start > 0 && path.data[start - 1] != '/')
        start--;
    return (struct sfx_bytes){path.data + start, path.size - start};
}

/* The kernel gives the rest of a first line as one argument. */
static void add_argument(struct sfx_buffer *out, const struct sfx_buffer *arguments, const char *special, const char *apart)
{
    if (arguments->size == 0)
        return;
    sfx_buffer_add(out, " ", 1);
    add_quoted(out, arguments, special, apart);
}

static void add_form(uint8_t detail, const struct sfx_buffer *interpreter, const struct sfx_buffer *arguments,
                     struct sfx_buffer *out)
{
    struct form form = find_form(detail);
    struct sfx_bytes name = last_component(sfx_buffer_bytes(interpreter));
    sfx_buffer_add_text(out, form.before);
    if (detail == SFX_SHEBANG_FORM_ENV) {
        if (arguments->size != 0)
            sfx_buffer_add_text(out, "-S ");
        sfx_buffer_add(out, name.data, name.size);
        add_argument(out, arguments, ENV_SPECIAL, "");
        return;
    }
    const char *apart = detail == SFX_SHEBANG_FORM_PYTHON ? PYTHON_SPECIAL : "";
    add_quoted(out, interpreter, SHELL_SPECIAL, apart);
    if (detail != SFX_SHEBANG_FORM_PERL)
        add_argument(out, arguments, SHELL_SPECIAL, apart);
    sfx_buffer_add_text(out, form.after);
    if (detail == SFX_SHEBANG_FORM_PERL) {
        bool is_ruby = name.size >= 4 && memcmp(name.data, "ruby", 4) == 0;
        sfx_buffer_add_text(out, is_ruby ? "#!ruby" : "#!perl");
        sfx_buffer_add_text(out, arguments->size != 0 ? " " : "");
        sfx_buffer_add(out, arguments->data, arguments->size);      /* perl reads switches here, not a shell */
    }
}

/* Whether the line itself is the rendering; the prefix decides, not the line's text. */
static bool is_line(const struct sfx_shebang *shebang)
{
    size_t size = shebang->site.span + shebang->site.hit_count * plain_prefix(shebang).size;
    return shebang->prefix->is_bare && size <= shebang->prefix->shebang_limit;
}

void sfx_shebang_render(const struct sfx_shebang *shebang, struct sfx_buffer *out)
{
    const uint32_t hit_count = shebang->site.hit_count;
    if (is_line(shebang)) {
        expand(shebang, 0, shebang->site.span, (uint32_t[]){0, hit_count}, out);
        return;
    }
    struct parts parts = divide(shebang, sfx_shebang_line(shebang));
    SFX_BUFFER interpreter = {0};
    SFX_BUFFER arguments = {0};
    expand(shebang, parts.interpreter, parts.interpreter_end, (uint32_t[]){0, parts.interpreter_hits}, &interpreter);
    expand(shebang, parts.arguments, parts.arguments_end, (uint32_t[]){parts.interpreter_hits, hit_count}, &arguments);
    add_form(shebang->site.detail, &interpreter, &arguments, out);
    out->has_failed = out->has_failed || interpreter.has_failed || arguments.has_failed;
}
