/* Values that stand at a site instead of neutral bytes: padded prefixes, marshal headers, derived values. */
#ifndef SFX_VALUE_H
#define SFX_VALUE_H

#include "relocate.h"

/* The span of a SLASH site, site.span bytes into OUT; false: PREFIX, in the site's encoding, does not fit a hard site. */
bool sfx_slash(const struct sfx_site *site, struct sfx_bytes prefix, bool is_windows, uint8_t *out);

#define SFX_PYC_HEADER_MAX 5
/* Type and length of a PYC site's object; gives their bytes, 2 or 5. PREFIX is the site's spelling. */
size_t sfx_pyc_header(const struct sfx_site *site, struct sfx_bytes prefix, bool prefix_is_ascii,
                      uint8_t out[SFX_PYC_HEADER_MAX]);

#define SFX_DERIVED_MAX 64
struct sfx_derived_value {
    uint8_t bytes[SFX_DERIVED_MAX + 1];
    size_t size;
};
/* KEY: the first four neutral bytes of the content the site is in, for SipHash. */
enum sfx_error sfx_derive(const struct sfx_site *site, const struct sfx_sources *sources, uint32_t key,
                          struct sfx_derived_value *ret_value, struct sfx_fault *fault);

#endif
