/* The decompressed index: checked once as a whole, then read record by record from its bytes.
 *
 * No I/O. The index keeps the bytes it was given; nothing is copied but what the tables imply (first site of an
 * entry, place of a content, first hit of a site), so memory is the raw index plus 8 to 16 bytes a record. */
#ifndef SFX_INDEX_H
#define SFX_INDEX_H

#include "fault.h"
#include "layout.h"

struct sfx_bytes {
    const uint8_t *data;
    size_t size;
};

/* A directory at the top that is an environment of its own: entries [FIRST, END). */
struct sfx_entry_range {
    uint32_t first, end;
};

struct sfx_index {
    struct sfx_index_header header;
    struct sfx_product product;
    uint16_t platform;             /* of the locator or manifest */
    const uint8_t *raw;            /* owned, freed by sfx_index_close */
    size_t raw_size;
    const uint8_t *blocks, *contents, *entries, *sites, *hits, *requirements, *hooks, *strings;
    uint64_t *block_start;         /* block_count + 1: place of each block in the joined decompressed stream */
    uint64_t *block_offset;        /* block_count + 1: compressed offset of each block after the locator */
    uint64_t *content_start;       /* content_count + 1: place of each content in the same stream */
    uint32_t *entry_site;          /* entry_count + 1: first site of each entry */
    uint32_t *site_hit;            /* site_count + 1: first hit of each site */
    struct sfx_entry_range *trees; /* tree_count, in the order of their entries */
};

/* Check RAW completely (SPEC, order of checks) and take ownership of it, also on failure. BLOCKS_SIZE is the compressed
 * bytes between locator and index, or UINT64_MAX where there are no blocks (manifest). */
enum sfx_error sfx_index_open(uint8_t *raw, size_t raw_size, uint16_t platform, uint64_t blocks_size,
                              struct sfx_index *ret_index, struct sfx_fault *fault);
void sfx_index_close(struct sfx_index *index);

struct sfx_block sfx_index_block(const struct sfx_index *index, uint32_t at);
struct sfx_content sfx_index_content(const struct sfx_index *index, uint32_t at);
struct sfx_entry sfx_index_entry(const struct sfx_index *index, uint32_t at);
struct sfx_site sfx_index_site(const struct sfx_index *index, uint32_t at);
uint32_t sfx_index_hit(const struct sfx_index *index, uint32_t at);
struct sfx_requirement sfx_index_requirement(const struct sfx_index *index, uint32_t at);
struct sfx_bytes sfx_index_string(const struct sfx_index *index, struct sfx_string string);

/* The vendor's script or text of this kind; empty if there is none. */
struct sfx_bytes sfx_index_hook(const struct sfx_index *index, enum sfx_hook_kind kind);

/* The file that limits the length of the prefix, empty if none does; whether the limit is the room for a path in a package
 * of conda, which no build at a longer path raises. */
struct sfx_bytes sfx_index_limiting(const struct sfx_index *index, bool *ret_condas);
/* The entry with this path, or SFX_NO_ENTRY. */
uint32_t sfx_index_find(const struct sfx_index *index, struct sfx_bytes path);
/* Block that holds the byte at PLACE of the joined decompressed stream; PLACE is inside the stream. Binary search. */
uint32_t sfx_index_block_of(const struct sfx_index *index, uint64_t place);
/* Level of a content: that of its blocks, 0 if it is empty. */
uint8_t sfx_index_content_level(const struct sfx_index *index, uint32_t at);
/* Bytes of an encoding's code unit: 1, 2 or 4; 1 for a value that is no encoding. */
unsigned sfx_encoding_unit(uint8_t encoding);

#endif
