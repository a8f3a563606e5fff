/* Whether Python would take a .pyc for its source; see pyc.h. */
#include "pyc.h"

#include "digest.h"
#include "os.h"

#define HEADER_SIZE 16u
#define FLAG_HASH 1u                     /* the header holds a SipHash of the source, not its time and size */

bool sfx_pyc_source(struct sfx_bytes path, char ret_source[SFX_MAX_PATH + 1])
{
    static const char cache[] = "__pycache__/";
    const size_t cache_size = sizeof cache - 1;
    if (path.size < 5 || path.size > SFX_MAX_PATH)
        return false;
    size_t name = path.size;             /* where the name starts */
    while (name > 0 && path.data[name - 1] != '/')
        name--;
    size_t folder = name;                /* where the source's name goes */
    size_t stem = path.size - 4 - name;  /* without `.pyc` */
    bool cached = name >= cache_size && memcmp(path.data + name - cache_size, cache, cache_size) == 0 &&
                  (name == cache_size || path.data[name - cache_size - 1] == '/');
    if (cached) {
        folder = name - cache_size;
        for (size_t i = 0; i < stem; i++)        /* `b.cpython-311.opt-1`: up to the first point */
            if (path.data[name + i] == '.')
                stem = i;
    }
    if (stem == 0)
        return false;
    memcpy(ret_source, path.data, folder);
    memcpy(ret_source + folder, path.data + name, stem);
    memcpy(ret_source + folder + stem, ".py", 4);
    return true;
}

static bool has_hash(int fd, uint32_t magic, uint64_t expected)
{
    struct sfx_siphash hashes[2];
    uint8_t buffer[32768];
    size_t got;
    sfx_siphash_start(&hashes[0], 1, magic, 0);          /* from CPython 3.11 on */
    sfx_siphash_start(&hashes[1], 2, magic, 0);
    do {
        if (sfx_os_read(fd, buffer, sizeof buffer, &got) != 0)
            return false;
        sfx_siphash_add(&hashes[0], buffer, got);
        sfx_siphash_add(&hashes[1], buffer, got);
    } while (got > 0);
    bool first = sfx_siphash_end(&hashes[0]) == expected;
    bool second = sfx_siphash_end(&hashes[1]) == expected;
    return first || second;
}

bool sfx_pyc_is_valid(int root, const char *compiled, const char *source)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    __attribute__((cleanup(sfx_os_closep))) int source_fd = -1;
    uint8_t header[HEADER_SIZE];
    size_t got;
    struct sfx_os_stat found;
    if (sfx_os_open(root, compiled, SFX_OS_READ, &fd) != 0 || sfx_os_read(fd, header, sizeof header, &got) != 0)
        return false;
    if (got < sizeof header || header[2] != '\r' || header[3] != '\n')       /* every magic number ends so */
        return false;
    if (sfx_os_open(root, source, SFX_OS_READ, &source_fd) != 0 || sfx_os_stat_fd(source_fd, &found) != 0)
        return false;
    if (sfx_le32(header + 4) & FLAG_HASH)
        return has_hash(source_fd, sfx_le32(header), sfx_le64(header + 8));
    return sfx_le32(header + 8) == (uint32_t)found.mtime && sfx_le32(header + 12) == (uint32_t)found.size;
}
