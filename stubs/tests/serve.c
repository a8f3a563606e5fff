/* serve: the relocator as a service for tests/relocator.py, until its input ends. A blob is its size as u32, its bytes.
 *
 * A request is four blobs: a decompressed index, the joined contents, a prefix with its NUL, and what may be the last
 * file as installed. The answer is a blob with the message of an error; if that is empty, one for each entry (a file's
 * rendering, a link's text) and one for the way back of that file: a byte (did it match?) and the neutral bytes. */
#include <stdio.h>

#include "buffer.h"
#include "reading.h"

struct blob {
    uint8_t *data;       /* of exactly this size, so that a sanitizer sees every byte read beyond; owned */
    size_t size;
};

static bool read_exactly(void *buffer, size_t size)
{
    return fread(buffer, 1, size, stdin) == size;
}

static bool read_blob(struct blob *ret_blob)
{
    uint8_t head[4];
    if (!read_exactly(head, sizeof head))
        return false;
    ret_blob->size = sfx_le32(head);
    ret_blob->data = malloc(ret_blob->size != 0 ? ret_blob->size : 1);
    if (ret_blob->data == NULL || !read_exactly(ret_blob->data, ret_blob->size))
        abort();
    return true;
}

static void put_blob(struct sfx_buffer *out, const void *data, size_t size)
{
    for (unsigned i = 0; i < 4; i++)
        sfx_buffer_add(out, &(uint8_t){(uint8_t)(size >> 8 * i)}, 1);
    sfx_buffer_add(out, data, size);
}

static enum sfx_error append(void *context, const uint8_t *data, size_t size, struct sfx_fault *fault)
{
    (void)fault;
    sfx_buffer_add(context, data, size);
    return SFX_OK;
}

/* The last entry that is a file; every index here has one. */
static uint32_t last_file(const struct sfx_index *index)
{
    for (uint32_t i = index->header.entry_count; i > 0; i--)
        if (sfx_index_entry(index, i - 1).kind == SFX_ENTRY_KIND_FILE)
            return i - 1;
    abort();
}

static enum sfx_error put_entry(const struct reading *reading, uint32_t at, const struct sfx_prefix *prefix,
                                struct sfx_buffer *out, struct sfx_fault *fault)
{
    char *text = NULL;
    enum sfx_error error = SFX_OK;
    if (sfx_index_entry(reading->index, at).kind != SFX_ENTRY_KIND_LINK)
        put_blob(out, reading->files[at].data, reading->files[at].size);
    else if ((error = sfx_render_link(reading->index, at, prefix, &text, fault)) == SFX_OK)
        put_blob(out, text, strlen(text));
    free(text);
    return error;
}

static enum sfx_error answer(struct reading *reading, const struct sfx_prefix *prefix, const struct blob *installed,
                             struct sfx_buffer *out, struct sfx_fault *fault)
{
    SFX_BUFFER back = {0};
    bool matches = false;
    enum sfx_error error = reading_render(reading, prefix, fault);
    for (uint32_t i = 0; error == SFX_OK && i < reading->index->header.entry_count; i++)
        error = put_entry(reading, i, prefix, out, fault);
    if (error != SFX_OK)
        return error;
    const struct sfx_sources sources = reading_sources(reading);
    sfx_buffer_add(&back, "\0", 1);
    error = sfx_neutralise(reading->index, last_file(reading->index), prefix, &sources, installed->data,
                           installed->size, append, &back, &matches, fault);
    back.data[0] = matches;
    put_blob(out, back.data, back.size);
    return error;
}

static void serve(struct blob raw, struct blob stream, struct blob prefix_text, struct blob installed)
{
    struct sfx_fault fault = {0};
    struct sfx_index index;
    struct sfx_prefix *prefix = NULL;
    SFX_BUFFER head = {0};
    SFX_BUFFER body = {0};
    if (sfx_index_open(raw.data, raw.size, SFX_PLATFORM_LINUX_X86_64, UINT64_MAX, &index, &fault) != SFX_OK) {
        fprintf(stderr, "the index is not sound: %s\n", fault.message);
        abort();
    }
    struct reading reading = {.index = &index, .stream = stream.data};
    enum sfx_error error = sfx_prefix_open((const char *)prefix_text.data, &index, &prefix, &fault);
    if (error == SFX_OK)
        error = answer(&reading, prefix, &installed, &body, &fault);
    if (error != SFX_OK)
        body.size = 0;
    put_blob(&head, fault.message, error != SFX_OK ? strlen(fault.message) : 0);
    (void)fwrite(head.data, 1, head.size, stdout);
    (void)fwrite(sfx_buffer_bytes(&body).data, 1, body.size, stdout);
    (void)fflush(stdout);
    reading_close(&reading);
    sfx_prefix_close(prefix);
    sfx_index_close(&index);
}

int main(void)
{
    struct blob raw, stream, prefix, installed;
    while (read_blob(&raw)) {
        if (!read_blob(&stream) || !read_blob(&prefix) || !read_blob(&installed))
            return 1;
        serve(raw, stream, prefix, installed);      /* takes the first two */
        free(prefix.data);
        free(installed.data);
    }
    return 0;
}
