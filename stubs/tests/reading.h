/* What the runner of the vectors and the fuzzer share: everything a reader does, in memory and one thread. */
#ifndef SFX_TEST_READING_H
#define SFX_TEST_READING_H

#include "artifact.h"
#include "relocate.h"

/* The whole tree an index describes, rendered. */
struct reading {
    const struct sfx_index *index;
    uint8_t *stream;                     /* the joined contents; owned */
    struct rendered {
        uint8_t *data;
        size_t size;
    } *files;                            /* by entry; owned */
};
void reading_close(struct reading *reading);

/* Decompress all blocks and check all contents, in the order of SPEC; fills the stream. LIMIT: bytes of the stream beyond
 * which this gives up with SFX_ERROR_MEMORY. */
enum sfx_error reading_check(const struct sfx_artifact *artifact, uint64_t limit, struct reading *ret_reading,
                             struct sfx_fault *fault);
/* Render every file of the index for PREFIX, level by level, and check that neutralising gives the content back
 * and that the pieces of a content of several blocks, rendered one by one, give the file. */
enum sfx_error reading_render(struct reading *reading, const struct sfx_prefix *prefix, struct sfx_fault *fault);
/* What derived values need, from the files rendered so far. */
struct sfx_sources reading_sources(struct reading *reading);
/* BLAKE2b-256 in hex of the listing (see tests/oracle.py) of the rendered tree. */
enum sfx_error reading_list(const struct reading *reading, const struct sfx_prefix *prefix, char ret_hex[65],
                            struct sfx_fault *fault);

#endif
