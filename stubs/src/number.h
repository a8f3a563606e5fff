/* Arithmetic on numbers that come from the file: never wraps unnoticed. */
#ifndef SFX_NUMBER_H
#define SFX_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Whether A + B fits; RET_SUM is set only then. */
static inline bool sfx_add(uint64_t a, uint64_t b, uint64_t *ret_sum)
{
    if (b > UINT64_MAX - a)
        return false;
    *ret_sum = a + b;
    return true;
}

#endif
