/* An artifact or an installation's manifest, opened and checked as far as SPEC's "order of checks" goes without blocks. */
#ifndef SFX_ARTIFACT_H
#define SFX_ARTIFACT_H

#include "index.h"
#include "parts.h"

/* Zero-initialised: none is open. */
struct sfx_artifact {
    struct sfx_parts parts;
    struct sfx_locator locator;
    struct sfx_index index;
    uint8_t *front;                /* header and stub, if they were checked; owned */
    uint8_t *frame;                /* the compressed index, unless it is large; owned */
};

/* Open PATH whose locator stands at AT; CHECK_FRONT also digests header and stub (installing, --verify). */
enum sfx_error sfx_artifact_open(const char *path, uint64_t at, bool check_front, struct sfx_artifact *ret_artifact, struct sfx_fault *fault);
void sfx_artifact_close(struct sfx_artifact *artifact);
/* SIZE bytes of one of its sections; what was read and kept is not read again. */
enum sfx_error sfx_artifact_read(const struct sfx_artifact *artifact, void *buffer, size_t size, uint64_t offset, struct sfx_fault *fault);
/* Read block AT, check its digest, decompress. COMPRESSED holds block.size bytes, RAW block.raw_size; both are the
 * caller's buffers, CONTEXT of sfx_frame_context. */
enum sfx_error sfx_artifact_block(const struct sfx_artifact *artifact, uint32_t at, void *context,
                                  uint8_t *compressed, uint8_t *raw, struct sfx_fault *fault);
/* From a whole manifest in memory, which stays the caller's and is not needed afterwards: no blocks. */
enum sfx_error sfx_manifest_open(const uint8_t *bytes, size_t size, struct sfx_index *ret_index, uint8_t ret_build[SFX_DIGEST_SIZE], struct sfx_fault *fault);

#endif
