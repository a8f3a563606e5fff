/* What went wrong, where: filled by the function that fails, owned by the caller, printed by main alone. */
#ifndef SFX_FAULT_H
#define SFX_FAULT_H

#include <stdint.h>

#include "layout.h"

/* How a function ended. OK is 0; every other value has a text and an exit code (fault.c). */
enum sfx_error {
    SFX_OK = 0,
    SFX_ERROR_USAGE,         /* options; message says which */
    SFX_ERROR_FORMAT,        /* the artifact or manifest; fault.verdict says which check */
    SFX_ERROR_SYSTEM,        /* wrong system, CPU or C library */
    SFX_ERROR_PREFIX,        /* prefix in use or forbidden */
    SFX_ERROR_LONG,          /* prefix too long */
    SFX_ERROR_SPACE,         /* no space or inodes */
    SFX_ERROR_IO,            /* permission or I/O; fault.os_error is the errno */
    SFX_ERROR_LOCKED,        /* another run holds the prefix */
    SFX_ERROR_HOOK,          /* a script of the vendor failed; what it was part of is undone */
    SFX_ERROR_EXCEPTIONS,    /* done, with exceptions that were listed */
    SFX_ERROR_INTERRUPTED,   /* signal; fault.os_error is its number */
    SFX_ERROR_MEMORY,
};

struct sfx_fault {
    enum sfx_error error;
    enum sfx_verdict verdict;
    int os_error;
    char message[1024];      /* a sentence without a final period, truncated if need be; names path and way out */
};

/* Record a fault and return its error, so that a caller writes `return sfx_fail(fault, ...)`. */
enum sfx_error sfx_fail(struct sfx_fault *fault, enum sfx_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As sfx_fail for SFX_ERROR_IO (ENOSPC, EDQUOT: SFX_ERROR_SPACE): appends the text of os_error to the message. */
enum sfx_error sfx_fail_os(struct sfx_fault *fault, int os_error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As sfx_fail for SFX_ERROR_FORMAT: the message is the verdict's text, then the detail in parentheses. */
enum sfx_error sfx_fail_format(struct sfx_fault *fault, enum sfx_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Replace control characters: names from an artifact must neither speak to the terminal nor make lines of their own. */
void sfx_make_printable(char *text);
/* The exit code of an error (layout.h), never SFX_EXIT_DONE for an error. */
int sfx_exit_code(const struct sfx_fault *fault);

#endif
