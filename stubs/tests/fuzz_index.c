/* Any bytes as an artifact and as a decompressed index: no crash, no hang, and what is accepted renders and neutralises.
 *
 * With a fuzz engine: link LLVMFuzzerTestOneInput and define SFX_FUZZ_ENGINE. Without: fuzz_index [-r RUNS] FILE... replays
 * the files, then RUNS random changes of what they hold. A .vec file counts as its artifact and as that one's index. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "reading.h"

/* Where tests/testkit.py puts the locator; with the smallest header and stub there is no other place. */
#define AT 8192u
#define LIMIT ((uint64_t)1 << 22)
#define MAX_FILES 16
/* An input is not to take minutes because its few bytes ask for gigabytes of prefixes. */
#define MAX_ASKED ((uint64_t)1 << 26)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* First lines where SHEBANG sites want them; everything else is zeros, which fit every strategy. */
static void fill(const struct sfx_index *index, uint8_t *stream, uint64_t size)
{
    memset(stream, 0, (size_t)size);
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        if (index->entry_site[i] == index->entry_site[i + 1])
            continue;
        struct sfx_site first = sfx_index_site(index, index->entry_site[i]);
        struct sfx_bytes line = sfx_index_string(index, (struct sfx_string){first.target, first.span});
        if (first.strategy == SFX_STRATEGY_SHEBANG)
            memcpy(stream + index->content_start[sfx_index_entry(index, i).target], line.data, line.size);
    }
}

static uint64_t asked(const struct sfx_index *index, size_t prefix_size)
{
    uint64_t size = (uint64_t)index->header.hit_count * prefix_size * 4;
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        struct sfx_entry entry = sfx_index_entry(index, i);
        if (entry.kind == SFX_ENTRY_KIND_FILE)
            size += sfx_index_content(index, entry.target).size;
    }
    return size;
}

static void render_all(const struct sfx_index *index, uint8_t *stream)
{
    static const char *const prefixes[] = {"/p", "/opt/my env", "/opt/\xc3\xa9", "/\xff"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        struct sfx_prefix *prefix = NULL;
        struct sfx_fault fault;
        struct reading reading = {.index = index, .stream = stream};
        if (asked(index, strlen(prefixes[i])) > MAX_ASKED
            || sfx_prefix_open(prefixes[i], index, &prefix, &fault) != SFX_OK)
            continue;
        char hex[65];
        if (reading_render(&reading, prefix, &fault) == SFX_OK)
            (void)reading_list(&reading, prefix, hex, &fault);
        reading.stream = NULL;
        reading_close(&reading);
        sfx_prefix_close(prefix);
    }
}

/* The files of an artifact that stand one after the other in DATA, cut as its locator says, or one. */
static void cut(const uint8_t *data, size_t size)
{
    static struct memory_file files[MAX_FILES];
    struct sfx_locator locator = {0};
    size_t count = 1;
    if (size >= AT + SFX_LOCATOR_SIZE)
        sfx_read_locator(data + AT, &locator);
    uint64_t whole = locator.part_count != 0 && locator.first_size < size ? locator.first_size : size;
    files[0] = (struct memory_file){data, (size_t)whole};
    for (size_t at = (size_t)whole; at < size && count < MAX_FILES; count++) {
        uint64_t room = locator.part_size < size ? locator.part_size + SFX_PART_SIZE : size;
        size_t part = room < size - at ? (size_t)room : size - at;
        files[count] = (struct memory_file){data + at, part};
        at += part;
    }
    memory_files(files, count);
}

static void try_artifact(const uint8_t *data, size_t size)
{
    struct sfx_artifact artifact;
    struct sfx_fault fault;
    struct reading reading = {0};
    cut(data, size);
    if (sfx_artifact_open("", AT, true, &artifact, &fault) != SFX_OK)
        return;
    if (reading_check(&artifact, LIMIT, &reading, &fault) == SFX_OK)
        render_all(&artifact.index, reading.stream);
    reading_close(&reading);
    sfx_artifact_close(&artifact);
}

static void try_index(const uint8_t *data, size_t size)
{
    struct sfx_index index;
    struct sfx_fault fault;
    uint8_t *raw = malloc(size + 1);
    if (raw == NULL)
        abort();
    if (size != 0)
        memcpy(raw, data, size);
    if (sfx_index_open(raw, size, SFX_PLATFORM_LINUX_X86_64, UINT64_MAX, &index, &fault) != SFX_OK)
        return;
    uint64_t stream_size = index.block_start[index.header.block_count];
    if (stream_size <= LIMIT) {
        uint8_t *stream = malloc((size_t)stream_size + 1);
        if (stream == NULL)
            abort();
        fill(&index, stream, stream_size);
        render_all(&index, stream);
        free(stream);
    }
    sfx_index_close(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_artifact(data, size);
    try_index(data, size);
    return 0;
}

#ifndef SFX_FUZZ_ENGINE

static uint64_t random_state = 1;

/* xorshift64*: the same runs everywhere. */
static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}

/* A byte, or a little-endian number at an offset where fields may stand. */
static void change(uint8_t *data, size_t size)
{
    static const uint32_t numbers[] = {0, 1, 2, 255, 256, 4095, 4096, 65535, 1u << 24, 0x7fffffff, 0x80000000, 0xffffffff};
    size_t at = (size_t)(next_random() % size);
    if (size < 8 || next_random() % 4 == 0) {
        data[at] = (uint8_t)next_random();
        return;
    }
    at = at / 4 * 4;
    if (at > size - 4)
        at = 0;
    uint32_t value = sfx_le32(data + at);
    if (next_random() % 2 == 0)
        value += (uint32_t)(next_random() % 5) - 2;
    else
        value = numbers[next_random() % (sizeof numbers / sizeof numbers[0])];
    for (unsigned i = 0; i < 4; i++)
        data[at + i] = (uint8_t)(value >> 8 * i);
}

static void mutate(const uint8_t *data, size_t size, unsigned long runs)
{
    uint8_t *changed = malloc(size + 1);
    if (changed == NULL)
        abort();
    for (unsigned long run = 0; run < runs && size != 0; run++) {
        memcpy(changed, data, size);
        for (uint64_t count = next_random() % 3 + 1; count > 0; count--)
            change(changed, size);
        size_t end = next_random() % 16 == 0 ? (size_t)(next_random() % size) : size;
        (void)LLVMFuzzerTestOneInput(changed, end);
    }
    free(changed);
}

static void try_file(const uint8_t *data, size_t size, unsigned long runs)
{
    if (size > 8 && memcmp(data, "expect: ", 8) == 0) {
        size_t at = 0;
        while (at + 1 < size && (data[at] != '\n' || data[at + 1] != '\n'))
            at++;
        data += at + 2 < size ? at + 2 : size;
        size -= at + 2 < size ? at + 2 : size;
    }
    (void)LLVMFuzzerTestOneInput(data, size);
    mutate(data, size, runs / 8);
    struct sfx_artifact artifact;
    struct sfx_fault fault;
    cut(data, size);
    if (sfx_artifact_open("", AT, true, &artifact, &fault) != SFX_OK)
        return;
    (void)LLVMFuzzerTestOneInput(artifact.index.raw, artifact.index.raw_size);
    mutate(artifact.index.raw, artifact.index.raw_size, runs);
    sfx_artifact_close(&artifact);
}

int main(int count, char **arguments)
{
    static uint8_t data[1 << 22];
    unsigned long runs = 0;
    int first = 1;
    if (count > 2 && strcmp(arguments[1], "-r") == 0) {
        runs = strtoul(arguments[2], NULL, 10);
        first = 3;
    }
    for (int i = first; i < count; i++) {
        FILE *file = fopen(arguments[i], "rb");
        if (file == NULL) {
            perror(arguments[i]);
            return 1;
        }
        size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        try_file(data, size, runs);
    }
    printf("%d files, %lu changes of each\n", count - first, runs);
    return 0;
}

#endif
