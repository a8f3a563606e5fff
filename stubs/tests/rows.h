/* A row of a table: neutral content with sites, a prefix, the rendering; and all that must be true of it. */
#ifndef SFX_TEST_ROWS_H
#define SFX_TEST_ROWS_H

#include "relocate.h"
#include "sample.h"

#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}
#define ONE_HIT(at) .hit_count = 1, .hits = {at}

struct row {
    struct sample sample;
    const char *prefix;
    struct sfx_bytes expected;
};

/* Rendered whole and, where SPEC allows cuts, in pieces; neutralised again; moved there from other prefixes. */
void row_run(const struct row *row);
/* Rendering must end in this error. */
void row_run_refused(const struct sample *sample, const char *text, enum sfx_error expected);
/* The index has the line of SAMPLE, the content is TEXT. */
void row_run_other_line(const struct sample *sample, const char *text);
/* HEAD and TAIL around the prefix in the rendering. */
void row_run_around(struct sample sample, const char *prefix, struct sfx_bytes head, struct sfx_bytes tail);
/* A prefix of SIZE bytes, "/ppp..."; valid until the next call. */
const char *row_long_prefix(size_t size);

#endif
