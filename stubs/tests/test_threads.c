/* One index and one prefix serve any number of threads, each with its own rendering: for the thread sanitizer. */
#include <pthread.h>
#include <stdio.h>

#include "relocate.h"
#include "sample.h"

#define THREADS 4
#define ROUNDS 500

struct shared {
    const struct sample *sample;
    struct sfx_index index;
    struct sfx_prefix *prefix;
};

static enum sfx_error count_bytes(void *context, const uint8_t *data, size_t size, struct sfx_fault *fault)
{
    (void)data;
    (void)fault;
    *(size_t *)context += size;
    return SFX_OK;
}

static bool render_once(const struct shared *shared, struct sfx_rendering *rendering)
{
    struct sfx_fault fault;
    struct sfx_bytes neutral = shared->sample->neutral;
    if (sfx_render(&shared->index, SAMPLE_FILE, shared->prefix, NULL, neutral.data, 0, neutral.size, rendering, &fault)
        != SFX_OK)
        return false;
    size_t count = 0;
    uint64_t size = 0;
    const struct sfx_segment *segments = sfx_rendering_segments(rendering, &count, &size);
    uint8_t joined[256];
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(joined + at, segments[i].data, segments[i].size);
        at += segments[i].size;
    }
    bool matches = false;
    size_t neutral_size = 0;
    return at == size
        && sfx_neutralise(&shared->index, SAMPLE_FILE, shared->prefix, NULL, joined, at, count_bytes, &neutral_size,
                          &matches, &fault) == SFX_OK
        && matches && neutral_size == neutral.size;
}

static void *work(void *argument)
{
    const struct shared *shared = argument;
    struct sfx_rendering *rendering = sfx_rendering_new();
    bool is_right = rendering != NULL;
    for (int i = 0; is_right && i < ROUNDS; i++)
        is_right = render_once(shared, rendering);
    sfx_rendering_free(rendering);
    return is_right ? NULL : argument;
}

int main(void)
{
    static const char neutral[] = "#!/bin/node\nx\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0/lib";
    const struct sample sample = {
        .name = "shared",
        .neutral = {(const uint8_t *)neutral, sizeof neutral - 1},
        .sites = {
            {SFX_STRATEGY_SHEBANG, .offset = 0, .span = 11, .detail = SFX_SHEBANG_FORM_NODE, .hit_count = 1, .hits = {2}},
            {SFX_STRATEGY_SLASH, .offset = 13, .span = 16},
            {SFX_STRATEGY_PYC, .offset = 29, .span = 4, .detail = SFX_PYC_DETAIL_ASCII, .hit_count = 1, .hits = {0}},
        },
    };
    struct shared shared = {.sample = &sample};
    struct sfx_fault fault;
    sample_open(&sample, &shared.index);
    if (sfx_prefix_open("/opt/my env", &shared.index, &shared.prefix, &fault) != SFX_OK)
        return 1;
    pthread_t threads[THREADS];
    int failures = 0;
    for (int i = 0; i < THREADS; i++)
        failures += pthread_create(&threads[i], NULL, work, &shared) != 0;
    for (int i = 0; i < THREADS && failures == 0; i++) {
        void *result = NULL;
        failures += pthread_join(threads[i], &result) != 0 || result != NULL;
    }
    sfx_prefix_close(shared.prefix);
    sfx_index_close(&shared.index);
    printf("%d threads, %d failures\n", THREADS, failures);
    return failures != 0;
}
