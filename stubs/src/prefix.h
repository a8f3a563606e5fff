/* A prefix in every spelling that sites use; between prefix.c and what renders sites. */
#ifndef SFX_PREFIX_H
#define SFX_PREFIX_H

#include "relocate.h"

#define SFX_ENCODING_COUNT (SFX_ENCODING_JSON_SLASH + 1)
#define SFX_FORM_COUNT 4u                             /* its own, FORWARD, VERBATIM, both */

/* One form of a prefix in every encoding. */
struct sfx_spellings {
    struct sfx_bytes encoded[SFX_ENCODING_COUNT];     /* by sfx_encoding; data NULL where there is none */
    struct sfx_bytes marshal;                         /* as CPython marshals a str made of it */
};

struct sfx_prefix {
    struct sfx_spellings forms[SFX_FORM_COUNT];       /* by form_of in prefix.c */
    bool is_windows;
    bool is_ascii;
    bool is_bare;                                     /* nothing in it that a first line or a shell would treat specially */
    size_t shebang_limit;                             /* bytes of a first line, without its newline */
    struct sfx_entry_range tree;                      /* whose prefix it is */
    struct sfx_prefix *next;                          /* of the next tree */
    uint8_t bytes[];
};

/* The spelling a site's hits are replaced by; false, with FAULT, where the prefix has none. */
enum sfx_error sfx_prefix_at(const struct sfx_prefix *prefix, const struct sfx_site *site,
                             struct sfx_bytes *ret_spelling, struct sfx_fault *fault);

#endif
