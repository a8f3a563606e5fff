/* The C library of this machine; see libc.h.
 *
 * What a libc.so.6 offers is what its version definitions say: gABI chapter 5 for the program headers and the dynamic
 * section, "Linux Standard Base, Core", chapter "Symbol Versioning", for Verdef and Verdaux. */
#include "libc.h"

#include <stdlib.h>

#include "os.h"
#include "text.h"

#define MAX_LIBC (64u << 20)
#define PT_LOAD 1u
#define PT_DYNAMIC 2u
#define DT_STRTAB 5u
#define DT_VERDEF 0x6ffffffcu
#define DT_VERDEFNUM 0x6ffffffdu
#define MAX_DEFINITIONS 4096u

struct elf {
    const uint8_t *data;
    size_t size;
    bool wide;                           /* 64 bits */
    bool big;                            /* big-endian */
};

/* COUNT bytes at OFFSET as a number; 0 outside the file. */
static uint64_t number(const struct elf *elf, uint64_t offset, unsigned count)
{
    uint64_t value = 0;
    if (offset > elf->size || count > elf->size - offset)
        return 0;
    for (unsigned i = 0; i < count; i++)
        value |= (uint64_t)elf->data[offset + i] << (8 * (elf->big ? count - 1 - i : i));
    return value;
}

/* A field that has 4 bytes in one class and 8 in the other. */
static uint64_t word(const struct elf *elf, uint64_t offset32, uint64_t offset64)
{
    return elf->wide ? number(elf, offset64, 8) : number(elf, offset32, 4);
}

struct segment {
    uint64_t offset;
    uint64_t address;
    uint64_t size;
};

/* Program header AT; false if it is not of TYPE. */
static bool read_segment(const struct elf *elf, unsigned at, uint32_t type, struct segment *ret_segment)
{
    uint64_t start = word(elf, 0x1c, 0x20) + at * number(elf, elf->wide ? 0x36 : 0x2a, 2);
    if (number(elf, start, 4) != type)
        return false;
    ret_segment->offset = word(elf, start + 4, start + 8);
    ret_segment->address = word(elf, start + 8, start + 0x10);
    ret_segment->size = word(elf, start + 0x10, start + 0x20);
    return true;
}

/* The place in the file of a loaded address; the end of the file if there is none. */
static uint64_t place_of(const struct elf *elf, uint64_t address)
{
    unsigned count = (unsigned)number(elf, elf->wide ? 0x38 : 0x2c, 2);
    struct segment segment;
    for (unsigned i = 0; i < count; i++)
        if (read_segment(elf, i, PT_LOAD, &segment) && address >= segment.address && address - segment.address < segment.size)
            return segment.offset + (address - segment.address);
    return elf->size;
}

/* The value of a tag of the dynamic section, or 0. */
static uint64_t dynamic(const struct elf *elf, uint64_t tag)
{
    unsigned count = (unsigned)number(elf, elf->wide ? 0x38 : 0x2c, 2);
    unsigned step = elf->wide ? 16 : 8;
    struct segment segment;
    for (unsigned i = 0; i < count; i++) {
        if (!read_segment(elf, i, PT_DYNAMIC, &segment) || segment.size > elf->size)
            continue;
        for (uint64_t at = 0; at + step <= segment.size; at += step)
            if (word(elf, segment.offset + at, segment.offset + at) == tag)
                return word(elf, segment.offset + at + 4, segment.offset + at + 8);
    }
    return 0;
}

/* `GLIBC_2.17` as 2 << 16 | 17; anything else is 0. */
static uint32_t parse_version(const struct elf *elf, uint64_t place)
{
    static const char start[] = "GLIBC_";
    uint32_t parts[2] = {0, 0};
    if (place >= elf->size || elf->size - place < sizeof start || memcmp(elf->data + place, start, sizeof start - 1) != 0)
        return 0;
    place += sizeof start - 1;
    for (unsigned part = 0; part < 2; part++, place++) {
        unsigned digits = 0;
        for (; place < elf->size && elf->data[place] >= '0' && elf->data[place] <= '9' && digits < 5; place++, digits++)
            parts[part] = parts[part] * 10 + (uint32_t)(elf->data[place] - '0');
        uint8_t after = place < elf->size ? elf->data[place] : 0;
        if (digits == 0 || (part == 0 && after != '.'))
            return 0;
    }
    return parts[0] << 16 | (parts[1] & 0xffff);
}

uint32_t sfx_libc_version(const uint8_t *file, size_t size, uint16_t machine)
{
    if (size < 0x40 || memcmp(file, "\177ELF", 4) != 0)
        return 0;
    const struct elf elf = {file, size, file[4] == 2, file[5] == 2};
    if (number(&elf, 0x12, 2) != machine)
        return 0;
    uint64_t strings = place_of(&elf, dynamic(&elf, DT_STRTAB));
    uint64_t at = place_of(&elf, dynamic(&elf, DT_VERDEF));
    uint64_t count = dynamic(&elf, DT_VERDEFNUM);
    uint32_t highest = 0;
    for (uint64_t i = 0; i < count && i < MAX_DEFINITIONS; i++) {
        uint64_t name = number(&elf, at + number(&elf, at + 12, 4), 4);
        uint32_t version = parse_version(&elf, strings + name);
        highest = version > highest ? version : highest;
        uint64_t next = number(&elf, at + 16, 4);
        if (next == 0)
            break;
        at += next;
    }
    return highest;
}

/* ---- Where it is ---- */

struct target {
    const char *folder;                  /* multiarch (Debian) */
    const char *musl;
    uint16_t machine;                    /* e_machine */
};

static struct target target_of(enum sfx_platform platform)
{
    switch (platform) {
    case SFX_PLATFORM_LINUX_X86_64: return (struct target){"x86_64-linux-gnu", "/lib/ld-musl-x86_64.so.1", 62};
    case SFX_PLATFORM_LINUX_AARCH64: return (struct target){"aarch64-linux-gnu", "/lib/ld-musl-aarch64.so.1", 183};
    case SFX_PLATFORM_LINUX_ARMV7L: return (struct target){"arm-linux-gnueabihf", "/lib/ld-musl-armhf.so.1", 40};
    case SFX_PLATFORM_LINUX_PPC64LE: return (struct target){"powerpc64le-linux-gnu", "/lib/ld-musl-powerpc64le.so.1", 21};
    case SFX_PLATFORM_LINUX_S390X: return (struct target){"s390x-linux-gnu", "/lib/ld-musl-s390x.so.1", 22};
    case SFX_PLATFORM_LINUX_RISCV64: return (struct target){"riscv64-linux-gnu", "/lib/ld-musl-riscv64.so.1", 243};
    case SFX_PLATFORM_MACOS_X86_64:
    case SFX_PLATFORM_MACOS_ARM64:
    case SFX_PLATFORM_WINDOWS_X86_64:
    case SFX_PLATFORM_WINDOWS_ARM64: break;
    }
    return (struct target){"", "", 0};
}

static uint32_t version_of(const char *path, uint16_t machine)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    struct sfx_fault ignored;
    uint64_t size;
    const uint8_t *data;
    if (sfx_os_open_read(path, &fd, &ignored) != SFX_OK || sfx_os_size(fd, &size, &ignored) != SFX_OK)
        return 0;
    if (size == 0 || size > MAX_LIBC || sfx_os_map(fd, size, &data) != 0)
        return 0;
    uint32_t version = sfx_libc_version(data, (size_t)size, machine);
    sfx_os_unmap(data, size);
    return version;
}

void sfx_libc_find(enum sfx_platform platform, struct sfx_libc *ret_libc)
{
    static const char *const folders[] = {"/lib64", "/usr/lib64", "/lib64/lp64d", "/lib", "/usr/lib", NULL};
    struct target target = target_of(platform);
    struct sfx_os_stat found;
    memset(ret_libc, 0, sizeof *ret_libc);
    if (!target.machine)
        return;
    ret_libc->has_musl = sfx_os_stat(SFX_OS_HERE, target.musl, &found) == 0;
    const char *const multiarch[] = {"/lib/", "/usr/lib/", NULL};
    for (const char *const *at = multiarch; *at && !ret_libc->glibc; at++) {
        SFX_CLEAN_STRING char *path = sfx_print("%s%s/libc.so.6", *at, target.folder);
        ret_libc->glibc = path ? version_of(path, target.machine) : 0;
    }
    for (const char *const *at = folders; *at && !ret_libc->glibc; at++) {
        SFX_CLEAN_STRING char *path = sfx_print("%s/libc.so.6", *at);
        ret_libc->glibc = path ? version_of(path, target.machine) : 0;
    }
}
