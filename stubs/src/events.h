/* What a run tells programs (--json): one JSON object a line on standard output, each written at once. docs/events.md
 * describes them; nothing is sent while `on` is false. */
#ifndef SFX_EVENTS_H
#define SFX_EVENTS_H

#include "index.h"

struct sfx_events {
    bool on;
    const char *phase;                   /* the one that runs */
    const char *result;                  /* what the run comes to, if it does not fail */
    char *prefix;                        /* of the installation, NULL until it is known; malloced */
};
void sfx_events_close(struct sfx_events *events);

/* The first one. PREFIX: of the installation; INDEX and BUILD: of what is installed, or NULL. */
void sfx_event_start(struct sfx_events *events, const char *action, const char *prefix, const struct sfx_index *index,
                     const uint8_t *build);
/* What the installation's prefix is from now on. */
void sfx_event_prefix(struct sfx_events *events, const char *prefix);
void sfx_event_phase(struct sfx_events *events, const char *phase);
void sfx_event_progress(const struct sfx_events *events, uint64_t done, uint64_t total);
/* EVENT is `warning` or `note`. */
void sfx_event_text(const struct sfx_events *events, const char *event, const char *text);
/* A file or folder that is listed, and why. */
void sfx_event_file(const struct sfx_events *events, struct sfx_bytes path, const char *text);
/* The last one; 0, or the errno of writing it. ERROR may be empty. */
int sfx_event_result(const struct sfx_events *events, int exit_code, const char *error);

#endif
