/* Headers of a PE file; see pe.h. */
#include "pe.h"

#include <string.h>

#include "layout.h"

#define OFFSET 0x3cu                     /* where the offset of the PE header stands */
#define COFF_SIZE 24u                    /* of the signature and the COFF header */
#define PE32_PLUS 0x20bu
#define OPTIONAL_LEAST 152u              /* up to DataDirectory[4] */
#define SECTION_SIZE 40u
#define CONSOLE 3                        /* IMAGE_SUBSYSTEM_WINDOWS_CUI */

static enum sfx_error fail(struct sfx_fault *fault)
{
    return sfx_fail_format(fault, SFX_VERDICT_BAD_EXTENT, "PE header");
}

enum sfx_error sfx_pe_read(const uint8_t *head, size_t size, struct sfx_pe *ret_pe, struct sfx_fault *fault)
{
    size = size < SFX_PE_HEAD ? size : SFX_PE_HEAD;
    if (size < OFFSET + 4 || memcmp(head, "MZ", 2) != 0)
        return fail(fault);
    size_t start = sfx_le32(head + OFFSET);
    if (start > size || size - start < COFF_SIZE + OPTIONAL_LEAST || memcmp(head + start, "PE\0\0", 4) != 0)
        return fail(fault);
    size_t optional = start + COFF_SIZE;
    size_t optional_size = sfx_le16(head + start + 20);
    size_t sections = sfx_le16(head + start + 6);
    if (sfx_le16(head + optional) != PE32_PLUS || optional_size < OPTIONAL_LEAST ||
        optional + optional_size + sections * SECTION_SIZE > size)
        return fail(fault);
    ret_pe->end = sfx_le32(head + optional + 60);
    for (size_t i = 0; i < sections; i++) {
        const uint8_t *section = head + optional + optional_size + i * SECTION_SIZE;
        uint64_t end = (uint64_t)sfx_le32(section + 16) + sfx_le32(section + 20);
        ret_pe->end = end > ret_pe->end ? end : ret_pe->end;
    }
    ret_pe->checksum = optional + 64;
    ret_pe->subsystem = optional + 68;
    ret_pe->certificate = optional + 144;
    ret_pe->certificate_offset = sfx_le32(head + ret_pe->certificate);
    ret_pe->certificate_size = sfx_le32(head + ret_pe->certificate + 4);
    return SFX_OK;
}

void sfx_pe_unsign(uint8_t *head, const struct sfx_pe *pe)
{
    memset(head + pe->checksum, 0, SFX_PE_CHECKSUM_SIZE);
    memset(head + pe->certificate, 0, SFX_PE_CERTIFICATE_SIZE);
}

void sfx_pe_set_console(uint8_t *head, const struct sfx_pe *pe)
{
    head[pe->subsystem] = CONSOLE;
    head[pe->subsystem + 1] = 0;
}
