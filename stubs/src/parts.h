/* The files that an artifact lies in, read as one stream of bytes; SPEC, "Parts". */
#ifndef SFX_PARTS_H
#define SFX_PARTS_H

#include "fault.h"

#define SFX_PARTS_KEPT 8                 /* files that stay open; the parts beyond are opened for each read */

/* Zero-initialised: nothing is open. */
struct sfx_parts {
    const char *path;                    /* of the first file, as it was called; the caller's */
    char *linked;                        /* where that leads, if the parts lie beside it; owned */
    uint32_t count;                      /* files besides the first */
    uint64_t first_size;
    uint64_t part_size;
    bool is_sidecar;                     /* the one part of a .exe: NAME.sfxdata */
    unsigned opened;
    int files[SFX_PARTS_KEPT];           /* the first `opened`; everything is read from these */
};

/* The first file alone, which is the stream unless there are parts. */
enum sfx_error sfx_parts_open(const char *path, struct sfx_parts *ret_parts, struct sfx_fault *fault);
/* Add the parts of LOCATOR, whose extents are sound; all are looked at. */
enum sfx_error sfx_parts_join(struct sfx_parts *parts, const struct sfx_locator *locator, struct sfx_fault *fault);
void sfx_parts_close(struct sfx_parts *parts);
/* SIZE bytes, inside the stream. */
enum sfx_error sfx_parts_read(const struct sfx_parts *parts, void *buffer, size_t size, uint64_t offset, struct sfx_fault *fault);
/* Where these bytes lie, for a message; malloced, NULL without memory. */
char *sfx_parts_place(const struct sfx_parts *parts, size_t size, uint64_t offset);

#endif
