/* What derived values need of finished files: read once each, kept. */
#ifndef SFX_FINALS_H
#define SFX_FINALS_H

#include "relocate.h"

struct sfx_finals;
/* Of the files of INDEX that lie in DIRECTORY. TIME_STEP: seconds between two mtimes there (tree.h); 0: take the mtime a
 * file has if it is the index's but for rounding. */
enum sfx_error sfx_finals_open(const struct sfx_index *index, int directory, uint64_t time_step, struct sfx_finals **ret_finals,
                               struct sfx_fault *fault);
void sfx_finals_close(struct sfx_finals **finals);
/* For sfx_render and sfx_neutralise; may be used from several threads, as long as FINALS lives. */
struct sfx_sources sfx_finals_sources(struct sfx_finals *finals);

#endif
