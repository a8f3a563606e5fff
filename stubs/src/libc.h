/* The C library of the machine this program runs on (it is itself linked to none). */
#ifndef SFX_LIBC_H
#define SFX_LIBC_H

#include "fault.h"

struct sfx_libc {
    uint32_t glibc;                      /* major << 16 | minor; 0: none found */
    bool has_musl;
};

/* Look in the usual places for a library of PLATFORM. */
void sfx_libc_find(enum sfx_platform platform, struct sfx_libc *ret_libc);
/* The highest version `GLIBC_major.minor` an ELF file defines, 0 if none; MACHINE is its e_machine. For tests. */
uint32_t sfx_libc_version(const uint8_t *file, size_t size, uint16_t machine);

#endif
