/* The way back in detail, for those who do more than look; between neutralise.c and move.c. */
#ifndef SFX_NEUTRALISE_H
#define SFX_NEUTRALISE_H

#include "relocate.h"

struct sfx_reading {
    sfx_sink sink;                       /* neutral bytes in order */
    void *context;
    bool takes_any_value;                /* at a DERIVED site, if it can stand there; SOURCES are not asked */
    /* Around each site: between them SINK gets its neutral bytes. INSTALLED is what stands there. May be NULL. */
    enum sfx_error (*begin)(void *context, const struct sfx_site *site, struct sfx_fault *fault);
    enum sfx_error (*end)(void *context, uint32_t at, const struct sfx_site *site, struct sfx_bytes installed,
                          struct sfx_fault *fault);
};
/* As sfx_neutralise. */
enum sfx_error sfx_read_back(const struct sfx_index *index, uint32_t entry, const struct sfx_prefix *prefix,
                             const struct sfx_sources *sources, struct sfx_bytes installed,
                             const struct sfx_reading *reading, bool *ret_matches, struct sfx_fault *fault);

#endif
