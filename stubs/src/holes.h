/* Files with holes: long runs of zeros are left out, so that the file system has nothing there. */
#ifndef SFX_HOLES_H
#define SFX_HOLES_H

#include "relocate.h"

/* Write SEGMENTS at OFFSET, around what is zero: there the file must hold nothing yet. Its size may stay too small. */
int sfx_holes_write(int fd, const struct sfx_segment *segments, size_t count, uint64_t offset);
/* All that a new, empty file shall hold. MAP: see below, or empty. */
int sfx_holes_write_all(int fd, const struct sfx_segment *segments, size_t count, struct sfx_bytes map);
/* The same, from the open file FROM, by BUFFER. */
int sfx_holes_copy(int from, int fd, uint8_t *buffer, size_t size);
/* Give back the memory of SFX_STEP bytes that were used and lie in MAP, a file's: it counts as this process's. */
void sfx_holes_drop(struct sfx_bytes map, const uint8_t *data, size_t size);

#endif
