#include "fault.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "errors.h"
#include "os.h"

/* Append to the message; what does not fit is cut, never an error of its own. */
static void append(struct sfx_fault *fault, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void append(struct sfx_fault *fault, const char *format, va_list arguments)
{
    size_t used = strlen(fault->message);
    int written = vsnprintf(fault->message + used, sizeof fault->message - used, format, arguments);
    if (written < 0)
        fault->message[used] = '\0';
}

void sfx_make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
    }
}

static void make_message(char *message)
{
    sfx_make_printable(message);
    sfx_os_show_paths(message);
}

static void append_text(struct sfx_fault *fault, const char *text)
{
    size_t used = strlen(fault->message);
    size_t room = sizeof fault->message - 1 - used;
    size_t size = strlen(text);
    if (size > room)
        size = room;
    memcpy(fault->message + used, text, size);
    fault->message[used + size] = '\0';
}

enum sfx_error sfx_fail(struct sfx_fault *fault, enum sfx_error error, const char *format, ...)
{
    *fault = (struct sfx_fault){.error = error};
    va_list arguments;
    va_start(arguments, format);
    append(fault, format, arguments);
    va_end(arguments);
    make_message(fault->message);
    return error;
}

enum sfx_error sfx_fail_os(struct sfx_fault *fault, int os_error, const char *format, ...)
{
    *fault = (struct sfx_fault){.error = sfx_is_full(os_error) ? SFX_ERROR_SPACE : SFX_ERROR_IO, .os_error = os_error};
    va_list arguments;
    va_start(arguments, format);
    append(fault, format, arguments);
    va_end(arguments);
    append_text(fault, ": ");
    append_text(fault, sfx_os_error_text(os_error));
    make_message(fault->message);
    return fault->error;
}

enum sfx_error sfx_fail_format(struct sfx_fault *fault, enum sfx_verdict verdict, const char *format, ...)
{
    *fault = (struct sfx_fault){.error = SFX_ERROR_FORMAT, .verdict = verdict};
    append_text(fault, sfx_verdict_text(verdict));
    append_text(fault, " (");
    va_list arguments;
    va_start(arguments, format);
    append(fault, format, arguments);
    va_end(arguments);
    append_text(fault, ")");
    make_message(fault->message);
    return SFX_ERROR_FORMAT;
}

int sfx_exit_code(const struct sfx_fault *fault)
{
    switch (fault->error) {
    case SFX_OK: return SFX_EXIT_DONE;
    case SFX_ERROR_USAGE: return SFX_EXIT_USAGE;
    case SFX_ERROR_FORMAT: return SFX_EXIT_DAMAGED;
    case SFX_ERROR_SYSTEM: return SFX_EXIT_WRONG_SYSTEM;
    case SFX_ERROR_PREFIX: return SFX_EXIT_PREFIX_IN_USE;
    case SFX_ERROR_LONG: return SFX_EXIT_PREFIX_TOO_LONG;
    case SFX_ERROR_SPACE: return SFX_EXIT_NO_SPACE;
    case SFX_ERROR_IO: return SFX_EXIT_IO;
    case SFX_ERROR_LOCKED: return SFX_EXIT_LOCKED;
    case SFX_ERROR_HOOK: return SFX_EXIT_HOOK;
    case SFX_ERROR_EXCEPTIONS: return SFX_EXIT_EXCEPTIONS;
    case SFX_ERROR_INTERRUPTED: return fault->os_error == SIGTERM ? SFX_EXIT_TERMINATED : SFX_EXIT_INTERRUPTED;
    case SFX_ERROR_MEMORY: return SFX_EXIT_INTERNAL;
    }
    return SFX_EXIT_INTERNAL;
}
