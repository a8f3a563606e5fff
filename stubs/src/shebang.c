#include "shebang.h"

#include "prefix.h"

/* The re-exec forms that name the interpreter: BEFORE INTERPRETER `"` ARGUMENTS AFTER. With PERL the arguments stand
 * behind AFTER, in the line that perl -x looks for. */
struct form {
    const char *before;
    const char *after;
};

static struct form find_form(uint8_t detail)
{
    switch ((enum sfx_shebang_form)detail) {
    case SFX_SHEBANG_FORM_PYTHON:
        return (struct form){"#!/bin/sh\n'''exec' \"", " \"$0\" \"$@\"\n' '''"};
    case SFX_SHEBANG_FORM_SHELL:
        return (struct form){
            "#!/bin/sh\nif test -z \"${SFXPACK_REEXEC-}\"; then SFXPACK_REEXEC=1; export SFXPACK_REEXEC; exec \"",
            " \"$0\" \"$@\"; fi; unset SFXPACK_REEXEC",
        };
    case SFX_SHEBANG_FORM_PERL:
        return (struct form){"#!/bin/sh\nexec \"", " -x \"$0\" \"$@\"\n#!"};
    case SFX_SHEBANG_FORM_NODE:
        return (struct form){"#!/bin/sh\n':' //; exec \"", " \"$0\" \"$@\""};
    case SFX_SHEBANG_FORM_ENV:
        break;
    }
    return (struct form){"#!/usr/bin/env ", ""};
}

/* A neutral line, divided. A hit counts as a byte that is no blank. */
struct parts {
    size_t interpreter, interpreter_end;
    size_t arguments;                 /* to the end of the line */
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

/* First place from AT that is not blank, or has hit HIT. */
static size_t skip_blanks(const struct sfx_shebang *shebang, const uint8_t *line, size_t at, uint32_t hit)
{
    size_t stop = hit < shebang->site.hit_count ? hit_at(shebang, hit) : shebang->site.span;
    while (at < stop && is_blank(line[at]))
        at++;
    return at;
}

static struct parts divide(const struct sfx_shebang *shebang, const uint8_t *line)
{
    struct parts parts = {.interpreter = skip_blanks(shebang, line, 2, 0)};
    size_t at = parts.interpreter;
    while (at < shebang->site.span && !is_blank(line[at]))
        at++;
    parts.interpreter_end = at;
    while (parts.interpreter_hits < shebang->site.hit_count && hit_at(shebang, parts.interpreter_hits) <= at)
        parts.interpreter_hits++;
    parts.arguments = skip_blanks(shebang, line, at, parts.interpreter_hits);
    return parts;
}

/* LINE from AT to END with the prefix at the hits FIRST to LAST. */
static void expand(const struct sfx_shebang *shebang, const uint8_t *line, size_t at, size_t end,
                   const uint32_t hits[2], struct sfx_buffer *out)
{
    struct sfx_bytes prefix = plain_prefix(shebang);
    for (uint32_t i = hits[0]; i < hits[1]; i++) {
        size_t hit = hit_at(shebang, i);
        sfx_buffer_add(out, line + at, hit - at);
        sfx_buffer_add(out, prefix.data, prefix.size);
        at = hit;
    }
    sfx_buffer_add(out, line + at, end - at);
}

/* As it stands between the double quotes of a shell. */
static void add_quoted(struct sfx_buffer *out, const struct sfx_buffer *text)
{
    for (size_t i = 0; i < text->size; i++) {
        if (strchr("\\\"$`", text->data[i]) != NULL && text->data[i] != '\0')
            sfx_buffer_add(out, "\\", 1);
        sfx_buffer_add(out, text->data + i, 1);
    }
}

static struct sfx_bytes last_component(struct sfx_bytes path)
{
    size_t start = path.size;
    while (start > 0 && path.data[start - 1] != '/')
        start--;
    return (struct sfx_bytes){path.data + start, path.size - start};
}

static void add_arguments(struct sfx_buffer *out, const struct sfx_buffer *arguments)
{
    if (arguments->size == 0)
        return;
    sfx_buffer_add(out, " ", 1);
    sfx_buffer_add(out, arguments->data, arguments->size);
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
        add_arguments(out, arguments);
        return;
    }
    add_quoted(out, interpreter);
    sfx_buffer_add_text(out, "\"");
    if (detail != SFX_SHEBANG_FORM_PERL)
        add_arguments(out, arguments);
    sfx_buffer_add_text(out, form.after);
    if (detail == SFX_SHEBANG_FORM_PERL) {
        bool is_ruby = name.size >= 4 && memcmp(name.data, "ruby", 4) == 0;
        sfx_buffer_add_text(out, is_ruby ? "ruby" : "perl");
        add_arguments(out, arguments);
    }
}

/* Whether the line itself is the rendering; the prefix decides, not the line's text. */
static bool is_line(const struct sfx_shebang *shebang)
{
    size_t size = shebang->site.span + shebang->site.hit_count * plain_prefix(shebang).size;
    return shebang->prefix->is_bare && size <= shebang->prefix->shebang_limit;
}

bool sfx_shebang_render(const struct sfx_shebang *shebang, const uint8_t *line, struct sfx_buffer *out)
{
    if (memcmp(line, "#!", 2) != 0 || hit_at(shebang, 0) < 2)
        return false;
    if (is_line(shebang)) {
        expand(shebang, line, 0, shebang->site.span, (uint32_t[]){0, shebang->site.hit_count}, out);
        return true;
    }
    struct parts parts = divide(shebang, line);
    SFX_BUFFER interpreter = {0};
    SFX_BUFFER arguments = {0};
    expand(shebang, line, parts.interpreter, parts.interpreter_end, (uint32_t[]){0, parts.interpreter_hits},
           &interpreter);
    expand(shebang, line, parts.arguments, shebang->site.span,
           (uint32_t[]){parts.interpreter_hits, shebang->site.hit_count}, &arguments);
    add_form(shebang->site.detail, &interpreter, &arguments, out);
    out->has_failed = out->has_failed || interpreter.has_failed || arguments.has_failed;
    return true;
}

/* The way back */

struct text {
    const uint8_t *data;
    size_t size;
    size_t at;
};

static bool take(struct text *text, const char *wanted)
{
    size_t size = strlen(wanted);
    if (size > text->size - text->at || memcmp(text->data + text->at, wanted, size) != 0)
        return false;
    text->at += size;
    return true;
}

static struct sfx_bytes take_line(struct text *text)
{
    const uint8_t *start = text->data + text->at;
    const uint8_t *newline = memchr(start, '\n', text->size - text->at);
    size_t size = newline != NULL ? (size_t)(newline - start) : text->size - text->at;
    text->at += size;
    return (struct sfx_bytes){start, size};
}

/* Up to the closing quote, which is taken too. */
static bool take_quoted(struct text *text, struct sfx_buffer *out)
{
    while (text->at < text->size) {
        uint8_t byte = text->data[text->at++];
        if (byte == '"')
            return true;
        if (byte == '\\') {
            if (text->at == text->size)
                return false;
            byte = text->data[text->at++];
        }
        sfx_buffer_add(out, &byte, 1);
    }
    return false;
}

/* ARGUMENTS with the blank before them, if any, and AFTER. */
static bool take_arguments(struct text *text, const char *after, struct sfx_buffer *out)
{
    if (take(text, after))
        return true;
    if (!take(text, " "))
        return false;
    for (; text->at < text->size; text->at++) {
        size_t end = text->at;
        if (text->data[end] == ' ' && take(text, after))
            return true;
        if (text->data[end] == '\n')
            return false;
        sfx_buffer_add(out, text->data + end, 1);
    }
    return false;
}

/* The last line of PERL, and ENV: NAME, then perhaps ARGUMENTS. */
static struct sfx_bytes split_name(struct sfx_bytes line, struct sfx_buffer *arguments)
{
    const uint8_t *blank = memchr(line.data, ' ', line.size);
    if (blank == NULL)
        return line;
    size_t size = (size_t)(blank - line.data);
    sfx_buffer_add(arguments, blank + 1, line.size - size - 1);
    return (struct sfx_bytes){line.data, size};
}

/* ENV keeps the interpreter's name alone: its directory below the prefix is the one of that length that is usual. */
static bool guess_interpreter(const struct sfx_shebang *shebang, struct sfx_bytes name,
                              const struct sfx_buffer *arguments, struct sfx_buffer *out)
{
    static const char *const directories[] = {"/bin/", "/", "/sbin/", "/libexec/", "/Library/bin/", ""};
    struct sfx_bytes prefix = plain_prefix(shebang);
    size_t blanks = hit_at(shebang, 0) - 2 + (arguments->size != 0 ? 1 : 0);
    size_t argument_hits = (size_t)shebang->site.hit_count - 1;
    /* What the neutral line holds beside the directory; no sum here can wrap, each part is a few megabytes at most. */
    size_t other = 2 + blanks + name.size + arguments->size;
    size_t wanted = shebang->site.span + argument_hits * prefix.size;
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        if (other + strlen(directories[i]) != wanted)
            continue;
        sfx_buffer_add(out, prefix.data, prefix.size);
        sfx_buffer_add_text(out, directories[i]);
        sfx_buffer_add(out, name.data, name.size);
        return true;
    }
    return false;
}

/* The parts of a re-exec form. */
static bool take_form(const struct sfx_shebang *shebang, struct text *text, struct sfx_buffer *interpreter,
                      struct sfx_buffer *arguments)
{
    struct form form = find_form(shebang->site.detail);
    if (!take(text, form.before))
        return false;
    if (shebang->site.detail == SFX_SHEBANG_FORM_ENV) {
        bool has_arguments = take(text, "-S ");
        struct sfx_bytes line = take_line(text);
        struct sfx_bytes name = has_arguments ? split_name(line, arguments) : line;
        return guess_interpreter(shebang, name, arguments, interpreter);
    }
    if (!take_quoted(text, interpreter))
        return false;
    if (shebang->site.detail != SFX_SHEBANG_FORM_PERL)
        return take_arguments(text, form.after, arguments);
    if (!take(text, form.after))
        return false;
    (void)split_name(take_line(text), arguments);
    return true;
}

/* TEXT without the prefix at those hits, from FIRST on, that fall into it when its neutral form stands at PLACE of the
 * line; gives the number of hits up to there. */
static uint32_t contract(const struct sfx_shebang *shebang, struct sfx_bytes text, size_t place, uint32_t first,
                         struct sfx_buffer *out)
{
    struct sfx_bytes prefix = plain_prefix(shebang);
    size_t at = 0;
    uint32_t hit = first;
    for (; hit < shebang->site.hit_count; hit++) {
        size_t neutral = hit_at(shebang, hit);
        if (neutral < place)
            break;
        size_t found = neutral - place + (hit - first) * prefix.size;
        if (found > text.size || prefix.size > text.size - found
            || memcmp(text.data + found, prefix.data, prefix.size) != 0)
            break;
        sfx_buffer_add(out, text.data + at, found - at);
        at = found + prefix.size;
    }
    sfx_buffer_add(out, text.data + at, text.size - at);
    return hit;
}

static bool add_blanks(struct sfx_buffer *out, size_t size, size_t end)
{
    if (size > end)
        return false;
    while (out->size < end - size && !out->has_failed)
        sfx_buffer_add(out, " ", 1);
    return out->size == end - size;
}

/* The neutral line from its parts. */
static bool join(const struct sfx_shebang *shebang, const struct sfx_buffer *interpreter,
                 const struct sfx_buffer *arguments, struct sfx_buffer *neutral)
{
    struct sfx_bytes prefix = plain_prefix(shebang);
    bool has_prefix = interpreter->size >= prefix.size && memcmp(interpreter->data, prefix.data, prefix.size) == 0;
    size_t start = has_prefix ? hit_at(shebang, 0) : 2;
    SFX_BUFFER tail = {0};
    sfx_buffer_add_text(neutral, "#!");
    if (!add_blanks(neutral, 0, start))
        return false;
    uint32_t hits = contract(shebang, sfx_buffer_bytes(interpreter), start, 0, neutral);
    size_t missing = (size_t)(shebang->site.hit_count - hits) * prefix.size;
    if (arguments->size < missing || arguments->size - missing > shebang->site.span)
        return false;
    size_t arguments_start = shebang->site.span - (arguments->size - missing);
    if (contract(shebang, sfx_buffer_bytes(arguments), arguments_start, hits, &tail) != shebang->site.hit_count)
        return false;
    if (!add_blanks(neutral, tail.size, shebang->site.span))
        return false;
    sfx_buffer_add(neutral, tail.data, tail.size);
    return !tail.has_failed && !neutral->has_failed;
}

bool sfx_shebang_recover(const struct sfx_shebang *shebang, struct sfx_bytes installed, struct sfx_buffer *neutral,
                         size_t *ret_size)
{
    SFX_BUFFER again = {0};
    if (hit_at(shebang, 0) < 2)
        return false;
    if (is_line(shebang)) {
        size_t size = shebang->site.span + shebang->site.hit_count * plain_prefix(shebang).size;
        if (installed.size < size)
            return false;
        struct sfx_bytes line = {installed.data, size};
        if (contract(shebang, line, 0, 0, neutral) != shebang->site.hit_count)
            return false;
        *ret_size = size;
    } else {
        SFX_BUFFER interpreter = {0};
        SFX_BUFFER arguments = {0};
        struct text text = {.data = installed.data, .size = installed.size};
        if (!take_form(shebang, &text, &interpreter, &arguments) || interpreter.has_failed || arguments.has_failed)
            return false;
        if (!join(shebang, &interpreter, &arguments, neutral))
            return false;
        *ret_size = text.at;
    }
    /* What was recovered is right exactly if it renders to what is there. */
    return !neutral->has_failed && neutral->size == shebang->site.span
        && sfx_shebang_render(shebang, neutral->data, &again) && !again.has_failed
        && again.size == *ret_size && memcmp(again.data, installed.data, again.size) == 0;
}
