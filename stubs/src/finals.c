/* What derived values need of finished files; see finals.h. */
#include "finals.h"

#include <pthread.h>
#include <stdlib.h>

#include "digest.h"
#include "os.h"
#include "text.h"

struct kept {
    uint32_t target;
    bool known;
    struct sfx_final final;
};

struct sfx_finals {
    const struct sfx_index *index;
    int directory;
    uint64_t time_step;
    pthread_mutex_t lock;                /* over `kept` */
    size_t count;
    struct kept *kept;                   /* ascending by target */
};

static int compare(const void *a, const void *b)
{
    uint32_t left = ((const struct kept *)a)->target;
    uint32_t right = ((const struct kept *)b)->target;
    return (left > right) - (left < right);
}

/* The targets of all derived sites, ascending, each once. */
static enum sfx_error collect(struct sfx_finals *finals, struct sfx_fault *fault)
{
    size_t found = 0;
    uint32_t sites = finals->index->header.site_count;
    for (uint32_t i = 0; i < sites; i++)
        found += sfx_index_site(finals->index, i).strategy == SFX_STRATEGY_DERIVED;
    if (found == 0)
        return SFX_OK;
    finals->kept = calloc(found, sizeof *finals->kept);
    if (!finals->kept)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    for (uint32_t i = 0; i < sites; i++) {
        struct sfx_site site = sfx_index_site(finals->index, i);
        if (site.strategy == SFX_STRATEGY_DERIVED)
            finals->kept[finals->count++].target = site.target;
    }
    qsort(finals->kept, found, sizeof *finals->kept, compare);
    finals->count = 1;
    for (size_t i = 1; i < found; i++)
        if (finals->kept[i].target != finals->kept[finals->count - 1].target)
            finals->kept[finals->count++].target = finals->kept[i].target;
    return SFX_OK;
}

enum sfx_error sfx_finals_open(const struct sfx_index *index, int directory, uint64_t time_step, struct sfx_finals **ret_finals,
                               struct sfx_fault *fault)
{
    struct sfx_finals *finals = calloc(1, sizeof *finals);
    if (!finals)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    finals->index = index;
    finals->directory = directory;
    finals->time_step = time_step;
    pthread_mutex_init(&finals->lock, NULL);
    enum sfx_error error = collect(finals, fault);
    if (error) {
        sfx_finals_close(&finals);
        return error;
    }
    *ret_finals = finals;
    return SFX_OK;
}

void sfx_finals_close(struct sfx_finals **finals)
{
    if (!*finals)
        return;
    pthread_mutex_destroy(&(*finals)->lock);
    free((*finals)->kept);
    free(*finals);
    *finals = NULL;
}

/* The file of TARGET, open for reading. A hard link is read like its file. */
static enum sfx_error open_target(const struct sfx_finals *finals, uint32_t target, int *ret_fd, struct sfx_os_stat *ret_stat,
                                  struct sfx_fault *fault)
{
    char path[SFX_MAX_PATH + 1];
    struct sfx_entry entry = sfx_index_entry(finals->index, target);
    sfx_path_copy(sfx_index_string(finals->index, entry.path), path);
    int error = sfx_os_open(finals->directory, path, SFX_OS_READ, ret_fd);
    if (!error)
        error = sfx_os_stat_fd(*ret_fd, ret_stat);
    if (!error)
        return SFX_OK;
    char folder[SFX_MAX_PATH + 1];
    sfx_os_path(finals->directory, folder);
    return sfx_fail_os(fault, error, "cannot read %s/%s", folder, path);
}

typedef void (*add_function)(void *hash, const void *data, size_t size);

static enum sfx_error hash_file(int fd, add_function add, void *hash, struct sfx_fault *fault)
{
    uint8_t buffer[32768];
    size_t got;
    do {
        int error = sfx_os_read(fd, buffer, sizeof buffer, &got);
        if (error) {
            char path[SFX_MAX_PATH + 1];
            sfx_os_path(fd, path);
            return sfx_fail_os(fault, error, "cannot read %s", path);
        }
        add(hash, buffer, got);
    } while (got > 0);
    return SFX_OK;
}

static void add_sha256(void *hash, const void *data, size_t size)
{
    sfx_sha256_add(hash, data, size);
}

static void add_siphash(void *hash, const void *data, size_t size)
{
    sfx_siphash_add(hash, data, size);
}

static uint64_t mtime_of(const struct sfx_finals *finals, uint64_t recorded, uint64_t found)
{
    if (finals->time_step)
        return recorded - recorded % finals->time_step;
    return found == recorded - recorded % 2 ? found : recorded;
}

static enum sfx_error find_out(const struct sfx_finals *finals, uint32_t target, bool want_sha256, struct sfx_final *ret_final,
                               struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    struct sfx_os_stat found;
    struct sfx_sha256 hash;
    enum sfx_error error = open_target(finals, target, &fd, &found, fault);
    if (error)
        return error;
    ret_final->size = found.size;
    ret_final->mtime = mtime_of(finals, sfx_index_entry(finals->index, target).mtime, found.mtime);
    ret_final->has_sha256 = want_sha256;
    if (!want_sha256)
        return SFX_OK;
    sfx_sha256_start(&hash);
    error = hash_file(fd, add_sha256, &hash, fault);
    sfx_sha256_end(&hash, ret_final->sha256);
    return error;
}

static enum sfx_error final_of(void *context, uint32_t target, bool want_sha256, struct sfx_final *ret_final,
                               struct sfx_fault *fault)
{
    struct sfx_finals *finals = context;
    struct kept key = {.target = target};
    struct kept *kept = finals->count ? bsearch(&key, finals->kept, finals->count, sizeof key, compare) : NULL;
    if (!kept)
        return find_out(finals, target, want_sha256, ret_final, fault);
    pthread_mutex_lock(&finals->lock);
    bool known = kept->known && (kept->final.has_sha256 || !want_sha256);
    *ret_final = kept->final;
    pthread_mutex_unlock(&finals->lock);
    if (known)
        return SFX_OK;
    enum sfx_error error = find_out(finals, target, want_sha256, ret_final, fault);
    if (error)
        return error;
    pthread_mutex_lock(&finals->lock);
    if (!kept->known || want_sha256)
        kept->final = *ret_final;
    kept->known = true;
    pthread_mutex_unlock(&finals->lock);
    return SFX_OK;
}

static enum sfx_error siphash_of(void *context, uint32_t target, int rounds, uint32_t key, uint64_t *ret_hash,
                                 struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    struct sfx_os_stat found;
    struct sfx_siphash hash;
    enum sfx_error error = open_target(context, target, &fd, &found, fault);
    if (error)
        return error;
    sfx_siphash_start(&hash, rounds, key, 0);
    error = hash_file(fd, add_siphash, &hash, fault);
    *ret_hash = sfx_siphash_end(&hash);
    return error;
}

struct sfx_sources sfx_finals_sources(struct sfx_finals *finals)
{
    return (struct sfx_sources){final_of, siphash_of, finals};
}
