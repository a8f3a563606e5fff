/* Rendering neutral content for a prefix, and the way back. Pure: no I/O, linked into tests and fuzzers.
 *
 * SPEC.md, "Sites", is the definition. */
#ifndef SFX_RELOCATE_H
#define SFX_RELOCATE_H

#include "index.h"

/* A prefix in every encoding, computed once, and with it those of the index's trees: PREFIX/NAME.
 * INDEX is not used after opening. */
struct sfx_prefix;
/* PREFIX is absolute, without trailing slash, at most SFX_MAX_PREFIX bytes, no control characters. A prefix that is not
 * UTF-8 has no UTF-16/32 spelling: rendering such a site then fails. */
enum sfx_error sfx_prefix_open(const char *prefix, const struct sfx_index *index, struct sfx_prefix **ret_prefix,
                               struct sfx_fault *fault);
void sfx_prefix_close(struct sfx_prefix *prefix);
/* The prefix that ENTRY is rendered for: its tree's, or PREFIX itself. Linear in the trees. */
const struct sfx_prefix *sfx_prefix_of(const struct sfx_prefix *prefix, uint32_t entry);
struct sfx_bytes sfx_prefix_spelling(const struct sfx_prefix *prefix, enum sfx_encoding encoding);

/* What derived values need of the files of lower levels: final size, mtime, SHA-256 or SipHash of final content. */
struct sfx_final {
    uint64_t size;
    uint64_t mtime;
    uint8_t sha256[32];
    bool has_sha256;
};
struct sfx_sources {
    /* FINAL of entry TARGET, a FILE of a lower level (hard links resolved). May be called from several threads. */
    enum sfx_error (*final)(void *context, uint32_t target, bool want_sha256, struct sfx_final *ret_final, struct sfx_fault *fault);
    /* SipHash of the final content of TARGET with the key of PEP 552; ROUNDS 1 or 2. */
    enum sfx_error (*siphash)(void *context, uint32_t target, int rounds, uint32_t key, uint64_t *ret_hash, struct sfx_fault *fault);
    void *context;
};

/* Growable output: segments either point into the neutral content or into the arena of rendered bytes. */
struct sfx_segment {
    const uint8_t *data;
    size_t size;
};
struct sfx_rendering;
struct sfx_rendering *sfx_rendering_new(void);           /* NULL: no memory; reusable over many files by one thread */
void sfx_rendering_free(struct sfx_rendering *rendering);
const struct sfx_segment *sfx_rendering_segments(const struct sfx_rendering *rendering, size_t *ret_count, uint64_t *ret_size);

/* Render the neutral bytes [START, START + SIZE) of ENTRY's content, given in NEUTRAL (whole sites only; SPEC forbids cuts in
 * sites). A splice at a cut belongs to the piece after it, one at the end of the content to the last piece. ENTRY is a
 * FILE; an empty content is rendered with SIZE 0, NEUTRAL may then be NULL. SOURCES may be NULL for an entry without
 * DERIVED sites. The segments stay valid until the next call or free; they point into NEUTRAL, PREFIX and RENDERING. */
enum sfx_error sfx_render(const struct sfx_index *index, uint32_t entry, const struct sfx_prefix *prefix,
                          const struct sfx_sources *sources, const uint8_t *neutral, uint64_t start, size_t size,
                          struct sfx_rendering *rendering, struct sfx_fault *fault);
/* Bytes by which ENTRY's content grows; SHEBANG and DERIVED sites count as none. Needs no content; linear in the sites. */
int64_t sfx_growth(const struct sfx_index *index, uint32_t entry, const struct sfx_prefix *prefix);
/* The same before an offset, for contents in pieces, which SPEC keeps free of SHEBANG and DERIVED sites. Opening is linear
 * in all sites of the index and takes 8 bytes for each; what is open serves any number of threads. */
struct sfx_growths;
enum sfx_error sfx_growths_open(const struct sfx_index *index, const struct sfx_prefix *prefix,
                                struct sfx_growths **ret_growths, struct sfx_fault *fault);
void sfx_growths_close(struct sfx_growths *growths);
/* Growth of ENTRY's content before neutral offset OFFSET: a piece that starts there is written at OFFSET plus this. At the
 * content's end without the splices that stand there: they are in the last piece. UINT64_MAX: all. A binary search. */
int64_t sfx_growths_before(const struct sfx_growths *growths, uint32_t entry, uint64_t offset);
/* A link's text for PREFIX, NUL-terminated, malloced; SFX_ERROR_LONG beyond SFX_MAX_PATH bytes. */
enum sfx_error sfx_render_link(const struct sfx_index *index, uint32_t entry, const struct sfx_prefix *prefix,
                               char **ret_text, struct sfx_fault *fault);

/* The way back, streaming: feed the installed file's bytes; says whether each site holds the rendering for PREFIX and gives
 * the neutral bytes to SINK in order. Used by `verify`, and by `relocate` later. */
#define SFX_STEP ((size_t)16 << 20)      /* bytes that a sink gets at most at once */
typedef enum sfx_error (*sfx_sink)(void *context, const uint8_t *data, size_t size, struct sfx_fault *fault);
/* INSTALLED is the whole installed file in memory (or mapped). ret_matches is false when a site does not hold its rendering or
 * the sizes do not fit: then what SINK got is meaningless. */
enum sfx_error sfx_neutralise(const struct sfx_index *index, uint32_t entry, const struct sfx_prefix *prefix,
                              const struct sfx_sources *sources, const uint8_t *installed, size_t size,
                              sfx_sink sink, void *context, bool *ret_matches, struct sfx_fault *fault);

#endif
