/* The PE file at the front of a .exe: where it ends, and what signing changes in it (PE Format, Microsoft). */
#ifndef SFX_PE_H
#define SFX_PE_H

#include <stddef.h>

#include "fault.h"

#define SFX_PE_HEAD 4096u                /* bytes at the start of the file that hold all headers */
#define SFX_PE_CHECKSUM_SIZE 4u
#define SFX_PE_CERTIFICATE_SIZE 8u
#define SFX_PE_CERTIFICATE_ALIGNMENT 8u

struct sfx_pe {
    uint64_t end;                        /* bytes of headers and sections */
    size_t checksum;                     /* where CheckSum stands */
    size_t subsystem;                    /* where Subsystem stands */
    size_t certificate;                  /* where DataDirectory[4] stands */
    uint32_t certificate_offset;         /* what it says: where the certificate table is; 0 and 0: there is none */
    uint32_t certificate_size;
};

/* From the first SIZE bytes of the file, at most SFX_PE_HEAD of which count; `bad_extent` for what is none. */
enum sfx_error sfx_pe_read(const uint8_t *head, size_t size, struct sfx_pe *ret_pe, struct sfx_fault *fault);
/* The fields that signing changes, zero. */
void sfx_pe_unsign(uint8_t *head, const struct sfx_pe *pe);
/* A program that shells wait for. */
void sfx_pe_set_console(uint8_t *head, const struct sfx_pe *pe);

#endif
