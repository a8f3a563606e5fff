/* One run of the program: what was asked, the artifact, and what it says to people. */
#ifndef SFX_SESSION_H
#define SFX_SESSION_H

#include "artifact.h"
#include "cli.h"
#include "text.h"

struct sfx_session {
    struct sfx_options options;
    struct sfx_artifact artifact;        /* fd -1: none open */
    char who[128];                       /* who speaks in messages: the product's name once it is known */
    struct sfx_text log;                 /* everything logged so far */
    int log_file;                        /* of --log, else -1 */
};

enum sfx_error sfx_session_open(int count, char **arguments, struct sfx_session *ret_session, struct sfx_fault *fault);
void sfx_session_close(struct sfx_session *session);
/* Open the artifact; FRONT: check header and stub as well. */
enum sfx_error sfx_session_open_artifact(struct sfx_session *session, bool front, struct sfx_fault *fault);

/* A line on standard output, unless --quiet. */
void sfx_say(const struct sfx_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line on standard error unless --quiet, and in the log. */
void sfx_warn(struct sfx_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line in the log alone, with the time. */
void sfx_log(struct sfx_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What ended the run: on standard error and in the log. */
void sfx_say_fault(struct sfx_session *session, const struct sfx_fault *fault);

/* A size for people: `1.6 GB`, decimal units; BUFFER is returned. */
const char *sfx_size_text(uint64_t size, char buffer[32]);
/* A string of the index for `%.*s`. */
#define SFX_TEXT(bytes) (int)(bytes).size, (const char *)(bytes).data
/* `name release`, or `name`; malloced. */
char *sfx_product_title(const struct sfx_index *index);

#endif
