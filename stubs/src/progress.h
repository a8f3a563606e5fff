/* How far it is: a line that is rewritten on a terminal, plain lines elsewhere, nothing for what ends at once; events for
 * programs, and then no lines. */
#ifndef SFX_PROGRESS_H
#define SFX_PROGRESS_H

#include "session.h"

struct sfx_progress {
    const struct sfx_session *session;
    const char *verb;                    /* `installing` */
    bool terminal;
    bool shown;                          /* something stands in the terminal's line */
    uint64_t started;
    uint64_t last;                       /* when something was said, or sent */
    unsigned quarter;                    /* said so far */
};

void sfx_progress_start(struct sfx_progress *progress, const struct sfx_session *session, const char *verb);
/* As sfx_extraction's progress; CONTEXT is the struct. For programs an event. */
void sfx_progress_show(void *context, uint64_t done, uint64_t total);
/* Another text in the terminal's line, until sfx_progress_end. */
void sfx_progress_note(struct sfx_progress *progress, const char *text);
void sfx_progress_end(struct sfx_progress *progress);

#endif
