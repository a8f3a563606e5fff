/* run_vectors FILE.vec ...: for each vector the verdict a full verification ends in, on a line; after `ok`, if the vector
 * names a prefix, the digest of the tree's listing on another. Exits 1 only if it cannot do its work. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "reading.h"

#define LIMIT ((uint64_t)1 << 31)
#define MAX_FILES 16

struct vector {
    uint8_t *bytes;              /* of the whole file; owned */
    const uint8_t *payload;
    size_t payload_size;
    uint64_t at;
    char prefix[SFX_MAX_PREFIX + 64];
    char parts[SFX_MAX_PREFIX + 64]; /* sizes of the files the payload is cut into, `-` for one that is missing; or empty */
};

static bool read_file(const char *path, uint8_t **ret_bytes, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    uint8_t *bytes = NULL;
    size_t size = 0;
    size_t capacity = 0;
    size_t got = 0;
    do {
        size += got;
        if (size == capacity) {
            capacity = capacity == 0 ? 65536 : capacity * 2;
            uint8_t *grown = realloc(bytes, capacity);
            if (grown == NULL)
                abort();
            bytes = grown;
        }
        got = fread(bytes + size, 1, capacity - size, file);
    } while (got > 0);
    bool is_read = ferror(file) == 0;
    fclose(file);
    *ret_bytes = bytes;
    *ret_size = size;
    return is_read;
}

/* One `key: value` of the text header. */
static bool read_key(const char *line, size_t size, struct vector *vector)
{
    char text[SFX_MAX_PREFIX + 64];
    if (size >= sizeof text)
        return true;      /* a long comment */
    memcpy(text, line, size);
    text[size] = '\0';
    if (strncmp(text, "at: ", 4) == 0) {
        char *end = NULL;
        errno = 0;
        vector->at = strtoull(text + 4, &end, 10);
        return errno == 0 && *end == '\0' && end != text + 4;
    }
    if (strncmp(text, "prefix: ", 8) == 0)
        (void)snprintf(vector->prefix, sizeof vector->prefix, "%s", text + 8);
    if (strncmp(text, "parts: ", 7) == 0)
        (void)snprintf(vector->parts, sizeof vector->parts, "%s", text + 7);
    return true;
}

static bool read_vector(const char *path, struct vector *vector)
{
    size_t size = 0;
    if (!read_file(path, &vector->bytes, &size))
        return false;
    size_t start = 0;
    for (;;) {
        const uint8_t *newline = memchr(vector->bytes + start, '\n', size - start);
        if (newline == NULL)
            return false;
        size_t length = (size_t)(newline - vector->bytes) - start;
        if (length == 0)
            break;
        if (!read_key((const char *)vector->bytes + start, length, vector))
            return false;
        start += length + 1;
    }
    vector->payload = vector->bytes + start + 1;
    vector->payload_size = size - start - 1;
    return true;
}

/* Copies of exactly their sizes, so that a sanitizer sees every byte read beyond. */
static size_t cut(const struct vector *vector, struct memory_file files[MAX_FILES])
{
    const char *next = vector->parts;
    const uint8_t *data = vector->payload;
    size_t count = 0;
    do {
        bool is_missing = *next == '-';
        size_t size = vector->payload_size;
        if (*next != '\0') {
            char *end = NULL;
            size = is_missing ? 0 : strtoull(next, &end, 10);
            next = is_missing ? next + 1 : end;
        }
        if (count == MAX_FILES || size > vector->payload_size - (size_t)(data - vector->payload))
            abort();
        uint8_t *copy = is_missing ? NULL : malloc(size + (size == 0));
        if (copy == NULL && !is_missing)
            abort();
        if (size != 0)
            memcpy(copy, data, size);
        files[count++] = (struct memory_file){copy, size};
        data += size;
        next += *next == ' ';
    } while (*next != '\0');
    return count;
}

static enum sfx_error judge(const struct vector *vector, char ret_tree[65], struct sfx_fault *fault)
{
    struct sfx_artifact artifact;
    struct reading reading = {0};
    struct sfx_prefix *prefix = NULL;
    struct memory_file files[MAX_FILES];
    size_t count = cut(vector, files);
    memory_files(files, count);
    enum sfx_error error = sfx_artifact_open("", vector->at, true, &artifact, fault);
    if (error == SFX_OK)
        error = reading_check(&artifact, LIMIT, &reading, fault);
    if (error == SFX_OK && vector->prefix[0] != '\0') {
        error = sfx_prefix_open(vector->prefix, &artifact.index, &prefix, fault);
        if (error == SFX_OK)
            error = reading_render(&reading, prefix, fault);
        if (error == SFX_OK)
            error = reading_list(&reading, prefix, ret_tree, fault);
    }
    reading_close(&reading);
    sfx_prefix_close(prefix);
    sfx_artifact_close(&artifact);
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)files[i].data);
    return error;
}

int main(int count, char **arguments)
{
    int status = count < 2;
    for (int i = 1; i < count; i++) {
        struct vector vector = {0};
        struct sfx_fault fault = {0};
        char tree[65] = "";
        if (!read_vector(arguments[i], &vector)) {
            fprintf(stderr, "%s: no vector\n", arguments[i]);
            status = 1;
        } else {
            enum sfx_error error = judge(&vector, tree, &fault);
            bool is_verdict = error == SFX_OK || error == SFX_ERROR_FORMAT;
            printf("%s\n", is_verdict ? sfx_verdict_name(fault.verdict) : "refused");
            if (error != SFX_OK)
                fprintf(stderr, "%s: %s\n", arguments[i], fault.message);
            else if (tree[0] != '\0')
                printf("%s\n", tree);
        }
        free(vector.bytes);
    }
    return status;
}
