/* Text that grows; see text.h. */
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "os.h"

static bool reserve(struct sfx_text *text, size_t more)
{
    if (text->failed)
        return false;
    if (text->size + more + 1 <= text->room)
        return true;
    size_t larger = (text->size + more + 1) * 2;
    char *grown = realloc(text->data, larger);
    text->failed = !grown;
    if (!grown)
        return false;
    text->data = grown;
    text->room = larger;
    return true;
}

void sfx_text_add(struct sfx_text *text, const void *bytes, size_t size)
{
    if (!reserve(text, size))
        return;
    memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

__attribute__((format(printf, 2, 0)))
static void add_formatted(struct sfx_text *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0 || !reserve(text, (size_t)size)) {
        text->failed = true;
        return;
    }
    vsnprintf(text->data + text->size, (size_t)size + 1, format, arguments);
    text->size += (size_t)size;
}

void sfx_text_format(struct sfx_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_formatted(text, format, arguments);
    va_end(arguments);
}

char *sfx_print(const char *format, ...)
{
    struct sfx_text text = {0};
    va_list arguments;
    va_start(arguments, format);
    add_formatted(&text, format, arguments);
    va_end(arguments);
    if (text.failed)
        sfx_text_free(&text);
    return text.data;
}

int sfx_text_read(struct sfx_text *text, int directory, const char *path, size_t most)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    int error = sfx_os_open(directory, path, SFX_OS_READ, &fd);
    return error ? error : sfx_text_read_open(text, fd, most);
}

int sfx_text_read_open(struct sfx_text *text, int fd, size_t most)
{
    uint8_t buffer[4096];
    size_t got = 0;
    int error;
    do {
        error = sfx_os_read(fd, buffer, sizeof buffer, &got);
        sfx_text_add(text, buffer, got);
    } while (!error && got > 0 && text->size <= most);
    return error ? error : text->failed ? ENOMEM : text->size > most ? EFBIG : 0;
}

void sfx_text_free(struct sfx_text *text)
{
    free(text->data);
    memset(text, 0, sizeof *text);
}

/* Bytes of the UTF-8 sequence at the start of BYTES, 0 if it is none (RFC 3629: no surrogates, no overlong forms). */
static size_t utf8_size(const uint8_t *bytes, size_t size)
{
    uint8_t lead = bytes[0];
    size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    if ((lead == 0xE0 && bytes[1] < 0xA0) || (lead == 0xED && bytes[1] > 0x9F) || (lead == 0xF0 && bytes[1] < 0x90) ||
        (lead == 0xF4 && bytes[1] > 0x8F))
        return 0;
    return length;
}

void sfx_text_json(struct sfx_text *text, struct sfx_bytes bytes)
{
    sfx_text_add(text, "\"", 1);
    for (size_t i = 0; i < bytes.size;) {
        const uint8_t *at = bytes.data + i;
        size_t length = utf8_size(at, bytes.size - i);
        if (length == 0)
            sfx_text_format(text, "\\udc%02x", *at);
        else if (*at < 0x20 || *at == 0x7F)
            sfx_text_format(text, "\\u%04x", *at);
        else if (*at == '"' || *at == '\\')
            sfx_text_format(text, "\\%c", *at);
        else
            sfx_text_add(text, at, length);
        i += length ? length : 1;
    }
    sfx_text_add(text, "\"", 1);
}

void sfx_text_hex(struct sfx_text *text, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sfx_text_format(text, "%02x", bytes[i]);
}

void sfx_text_shell(struct sfx_text *text, const char *word)
{
    SFX_CLEAN_STRING char *quoted = sfx_os_quote(word);
    if (quoted)
        sfx_text_add(text, quoted, strlen(quoted));
    else
        text->failed = true;
}

void *sfx_find_bytes(const void *data, size_t size, struct sfx_bytes wanted)
{
    const uint8_t *at = data;
    while (size >= wanted.size) {
        const uint8_t *found = memchr(at, wanted.data[0], size - wanted.size + 1);
        if (!found || memcmp(found, wanted.data, wanted.size) == 0)
            return (void *)(uintptr_t)found;
        size -= (size_t)(found - at) + 1;
        at = found + 1;
    }
    return NULL;
}

const char *sfx_path_copy(struct sfx_bytes path, char buffer[SFX_MAX_PATH + 1])
{
    size_t size = path.size > SFX_MAX_PATH ? SFX_MAX_PATH : path.size;
    memcpy(buffer, path.data, size);
    buffer[size] = '\0';
    return buffer;
}

struct sfx_bytes sfx_bytes_of(const char *string)
{
    return (struct sfx_bytes){(const uint8_t *)string, strlen(string)};
}
