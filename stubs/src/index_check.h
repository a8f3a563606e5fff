/* Checks of the index, table by table; between index.c, entries.c and sites.c. */
#ifndef SFX_INDEX_CHECK_H
#define SFX_INDEX_CHECK_H

#include "index.h"

/* The string lies in the table and holds no NUL. RECORD names the record in the message. */
enum sfx_error sfx_check_string(const struct sfx_index *index, struct sfx_string string, const char *record,
                                uint32_t at, struct sfx_fault *fault);
/* The entry table, and what it says of contents, sites and tree_size; fills entry_site. */
enum sfx_error sfx_check_entries(struct sfx_index *index, struct sfx_fault *fault);
/* The site and hit tables; fills site_hit. */
enum sfx_error sfx_check_sites(struct sfx_index *index, struct sfx_fault *fault);

#endif
