/* One run of the program: what was asked, the artifact, and what it says to people. */
#ifndef SFX_SESSION_H
#define SFX_SESSION_H

#include "artifact.h"
#include "cli.h"
#include "events.h"
#include "text.h"

struct sfx_session {
    struct sfx_options options;
    struct sfx_artifact artifact;
    char who[128];                       /* who speaks in messages: the product's name once it is known */
    struct sfx_events events;
    struct sfx_text log;                 /* everything logged so far */
    size_t log_kept;                     /* bytes of it that lie in the prefix */
    int log_file;                        /* of --log, else -1 */
    int log_failed;                      /* errno of what ended it */
};

enum sfx_error sfx_session_open(int count, char **arguments, struct sfx_session *ret_session, struct sfx_fault *fault);
void sfx_session_close(struct sfx_session *session);
/* Open the artifact; FRONT: check header and stub as well. */
enum sfx_error sfx_session_open_artifact(struct sfx_session *session, bool front, struct sfx_fault *fault);

/* The log of what is made at PREFIX is in it; a file of --log there would stand in the way. */
enum sfx_error sfx_session_check_log(const struct sfx_session *session, const char *prefix, struct sfx_fault *fault);

/* Add what was logged since the last time to the log of the installation at PATH, if it keeps one. */
void sfx_keep_log(struct sfx_session *session, const char *path);

/* A line on standard output, unless --quiet; for programs a `note`. */
void sfx_say(const struct sfx_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, and in the log. */
void sfx_tell(struct sfx_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What becomes of a file: `LABEL: PATH (TEXT)`, without LABEL `TEXT: PATH`; said and logged, for programs a `file`. */
void sfx_tell_file(struct sfx_session *session, const char *label, struct sfx_bytes path, const char *text);
/* A line on standard error unless --quiet, and in the log; for programs a `warning` too. */
void sfx_warn(struct sfx_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line in the log alone, with the time. */
void sfx_log(struct sfx_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What ended the run: on standard error and in the log. */
void sfx_say_fault(struct sfx_session *session, const struct sfx_fault *fault);

/* A size for people: `1.6 GB`, decimal units; BUFFER is returned. */
const char *sfx_size_text(uint64_t size, char buffer[32]);
/* The size of an artifact, and how many files that is if it has parts. */
const char *sfx_files_text(const struct sfx_locator *locator, char buffer[64]);
/* A string of the index for `%.*s`. */
#define SFX_TEXT(bytes) (int)(bytes).size, (const char *)(bytes).data
/* `name release`, or `name`; malloced. */
char *sfx_product_title(const struct sfx_index *index);

#endif
