/* Whether Python would take a .pyc for its source (PEP 552, importlib/_bootstrap_external.py). */
#ifndef SFX_PYC_H
#define SFX_PYC_H

#include "index.h"

/* The source a .pyc belongs to: `a/__pycache__/b.cpython-311.pyc` or `a/b.pyc` -> `a/b.py`. False: it has none. */
bool sfx_pyc_source(struct sfx_bytes path, char ret_source[SFX_MAX_PATH + 1]);
/* Both paths are below ROOT. */
bool sfx_pyc_is_valid(int root, const char *compiled, const char *source);

#endif
