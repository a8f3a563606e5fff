/* Whether an installation's files are as they were installed; see installed.h. */
#include "installed.h"

#include <errno.h>
#include <stdlib.h>

#include "digest.h"
#include "neutralise.h"
#include "os.h"
#include "pool.h"
#include "pyc.h"
#include "text.h"

enum sfx_error sfx_installed_open(int root, const char *shown, struct sfx_installed *ret_installed, struct sfx_fault *fault)
{
    memset(ret_installed, 0, sizeof *ret_installed);
    ret_installed->root = root;
    enum sfx_error error = sfx_record_open(root, shown, &ret_installed->record, fault);
    const struct sfx_index *index = &ret_installed->record.index;
    if (!error)
        error = sfx_prefix_open(ret_installed->record.prefix, index, &ret_installed->prefix, fault);
    if (!error)
        error = sfx_finals_open(index, root, 0, &ret_installed->finals, fault);
    if (error)
        sfx_installed_close(ret_installed);
    return error;
}

void sfx_installed_close(struct sfx_installed *installed)
{
    sfx_finals_close(&installed->finals);
    if (installed->prefix)
        sfx_prefix_close(installed->prefix);
    sfx_record_close(&installed->record);
    memset(installed, 0, sizeof *installed);
}

const char *sfx_condition_text(enum sfx_condition condition)
{
    switch (condition) {
    case SFX_AS_INSTALLED: return "as installed";
    case SFX_REGENERATED: return "regenerated";
    case SFX_FOLLOWS: return "depends on a changed file";
    case SFX_MISSING: return "missing";
    case SFX_OTHER_KIND: return "another kind of file";
    case SFX_OTHER_LINK: return "link changed";
    case SFX_OTHER_CONTENT: return "changed";
    case SFX_OTHER_MODE: return "mode changed";
    case SFX_UNREADABLE: return "cannot be read";
    }
    return "?";
}

/* ---- Content ---- */

static enum sfx_error add_to_digest(void *context, const uint8_t *data, size_t size, struct sfx_fault *fault)
{
    (void)fault;
    sfx_blake2b_add(context, data, size);
    if (size == SFX_STEP)                /* so much only of the map, whose memory counts as this process's */
        sfx_os_drop(data, size);
    return SFX_OK;
}

static int digest_file(int fd, uint8_t ret_digest[SFX_DIGEST_SIZE])
{
    struct sfx_blake2b hash;
    uint8_t buffer[32768];
    size_t got;
    sfx_blake2b_start(&hash);
    do {
        int error = sfx_os_read(fd, buffer, sizeof buffer, &got);
        if (error)
            return error;
        sfx_blake2b_add(&hash, buffer, got);
    } while (got > 0);
    sfx_blake2b_end(&hash, ret_digest);
    return 0;
}

/* A file with sites: mapped whole, its neutral content compared. A derived value whose source is missing does not match. */
static enum sfx_error check_neutral(const struct sfx_installed *installed, uint32_t entry, int fd, bool takes_any_value,
                                    bool *ret_matches, struct sfx_fault *fault)
{
    struct sfx_blake2b hash;
    uint8_t digest[SFX_DIGEST_SIZE];
    const struct sfx_index *index = &installed->record.index;
    const struct sfx_reading reading = {.sink = add_to_digest, .context = &hash, .takes_any_value = takes_any_value};
    struct sfx_os_stat found = {.size = 0};
    struct sfx_sources sources = sfx_finals_sources(installed->finals);
    const uint8_t *data = NULL;
    int os_error = sfx_os_stat_fd(fd, &found);
    if (!os_error && found.size > 0)
        os_error = sfx_os_map(fd, found.size, &data);
    *ret_matches = false;
    if (os_error) {
        char path[SFX_MAX_PATH + 1];
        sfx_os_path(fd, path);
        return sfx_fail_os(fault, os_error, "cannot read %s", path);
    }
    sfx_blake2b_start(&hash);
    enum sfx_error error = sfx_read_back(index, entry, installed->prefix, &sources, (struct sfx_bytes){data, (size_t)found.size},
                                         &reading, ret_matches, fault);
    sfx_blake2b_end(&hash, digest);
    struct sfx_content content = sfx_index_content(index, sfx_index_entry(index, entry).target);
    *ret_matches = *ret_matches && memcmp(digest, content.digest, sizeof digest) == 0;
    if (data)
        sfx_os_unmap(data, found.size);
    return error == SFX_ERROR_IO ? SFX_OK : error;
}

static enum sfx_error check_content(const struct sfx_installed *installed, uint32_t at, const char *path,
                                    const struct sfx_os_stat *found, enum sfx_condition *ret_condition, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    const struct sfx_index *index = &installed->record.index;
    struct sfx_entry entry = sfx_index_entry(index, at);
    struct sfx_content content = sfx_index_content(index, entry.target);
    uint8_t digest[SFX_DIGEST_SIZE];
    bool matches;
    *ret_condition = SFX_OTHER_CONTENT;
    if (entry.site_count == 0 && found->size != content.size)
        return SFX_OK;
    *ret_condition = SFX_UNREADABLE;
    if (sfx_os_open(installed->root, path, SFX_OS_READ, &fd) != 0)
        return SFX_OK;
    if (entry.site_count == 0) {
        if (digest_file(fd, digest) != 0)
            return SFX_OK;
        matches = memcmp(digest, content.digest, sizeof digest) == 0;
    } else {
        enum sfx_error error = check_neutral(installed, at, fd, false, &matches, fault);
        if (error)
            return error;
    }
    *ret_condition = matches ? SFX_AS_INSTALLED : SFX_OTHER_CONTENT;
    return SFX_OK;
}

/* ---- Entries ---- */

static enum sfx_error check_link(const struct sfx_installed *installed, uint32_t at, const char *path, const struct sfx_os_stat *found,
                                 enum sfx_condition *ret_condition, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *expected = NULL;
    enum sfx_error error = sfx_render_link(&installed->record.index, at, installed->prefix, &expected, fault);
    if (error)
        return error;
    if (sfx_os_is_link(expected, installed->root, installed->record.prefix, path))
        *ret_condition = SFX_AS_INSTALLED;
    else
        *ret_condition = found->kind == SFX_OS_LINK ? SFX_OTHER_LINK : SFX_OTHER_KIND;
    return SFX_OK;
}

static bool is_kind(const struct sfx_os_stat *found, uint8_t kind)
{
    switch ((enum sfx_entry_kind)kind) {
    case SFX_ENTRY_KIND_DIRECTORY: return found->kind == SFX_OS_FOLDER;
    case SFX_ENTRY_KIND_FILE:
    case SFX_ENTRY_KIND_HARD_LINK: return found->kind == SFX_OS_FILE;
    case SFX_ENTRY_KIND_LINK: return found->kind == SFX_OS_LINK;
    }
    return false;
}

static bool is_pyc(struct sfx_bytes path)
{
    return path.size > 4 && memcmp(path.data + path.size - 4, ".pyc", 4) == 0;
}

/* Without looking whether a .pyc is regenerated. A hard link is checked by its own path: it may be a copy by now. */
static enum sfx_error check(const struct sfx_installed *installed, uint32_t at, enum sfx_condition *ret_condition,
                            struct sfx_fault *fault)
{
    const struct sfx_index *index = &installed->record.index;
    struct sfx_entry entry = sfx_index_entry(index, at);
    struct sfx_os_stat found;
    char path[SFX_MAX_PATH + 1];
    sfx_path_copy(sfx_index_string(index, entry.path), path);
    int os_error = sfx_os_stat(installed->root, path, &found);
    *ret_condition = os_error == ENOENT || os_error == ENOTDIR ? SFX_MISSING : SFX_UNREADABLE;
    if (os_error)
        return SFX_OK;
    *ret_condition = SFX_OTHER_KIND;
    if (entry.kind == SFX_ENTRY_KIND_LINK)
        return check_link(installed, at, path, &found, ret_condition, fault);
    if (!is_kind(&found, entry.kind))
        return SFX_OK;
    *ret_condition = SFX_AS_INSTALLED;
    if (entry.kind == SFX_ENTRY_KIND_DIRECTORY)
        return SFX_OK;
    uint32_t file = entry.kind == SFX_ENTRY_KIND_HARD_LINK ? entry.target : at;
    enum sfx_error error = check_content(installed, file, path, &found, ret_condition, fault);
    if (!error && *ret_condition == SFX_AS_INSTALLED && sfx_os_has_modes() && found.mode != sfx_mode(installed->record.modes, entry.mode))
        *ret_condition = SFX_OTHER_MODE;
    return error;
}

bool sfx_installed_is_regenerated(const struct sfx_installed *installed, struct sfx_bytes path)
{
    struct sfx_bytes source;
    char buffer[SFX_MAX_PATH + 1];
    char compiled[SFX_MAX_PATH + 1];
    enum sfx_condition condition;
    struct sfx_fault ignored;
    if (!is_pyc(path) || !sfx_pyc_source(path, buffer))
        return false;
    source = sfx_bytes_of(buffer);
    uint32_t entry = sfx_index_find(&installed->record.index, source);
    if (entry == SFX_NO_ENTRY || check(installed, entry, &condition, &ignored) != SFX_OK)
        return false;
    if (condition != SFX_AS_INSTALLED && condition != SFX_OTHER_MODE)
        return false;
    sfx_path_copy(path, compiled);
    return sfx_pyc_is_valid(installed->root, compiled, buffer);
}

/* Whether a derived value of ENTRY comes from a file that is not as installed. Targets have lower levels: this ends. */
static bool follows_change(const struct sfx_installed *installed, uint32_t entry)
{
    const struct sfx_index *index = &installed->record.index;
    enum sfx_condition condition;
    struct sfx_fault ignored;
    for (uint32_t i = index->entry_site[entry]; i < index->entry_site[entry + 1]; i++) {
        struct sfx_site site = sfx_index_site(index, i);
        if (site.strategy != SFX_STRATEGY_DERIVED)
            continue;
        if (sfx_installed_check(installed, site.target, &condition, &ignored) != SFX_OK)
            return true;
        if (condition != SFX_AS_INSTALLED && condition != SFX_OTHER_MODE)
            return true;
    }
    return false;
}

bool sfx_installed_follows_only(const struct sfx_installed *installed, uint32_t entry)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    struct sfx_fault ignored;
    struct sfx_entry record = sfx_index_entry(&installed->record.index, entry);
    uint32_t file = record.kind == SFX_ENTRY_KIND_HARD_LINK ? record.target : entry;
    char path[SFX_MAX_PATH + 1];
    bool matches = false;
    sfx_path_copy(sfx_index_string(&installed->record.index, record.path), path);
    return sfx_os_open(installed->root, path, SFX_OS_READ, &fd) == 0 &&
           check_neutral(installed, file, fd, true, &matches, &ignored) == SFX_OK && matches;
}

enum sfx_error sfx_installed_check(const struct sfx_installed *installed, uint32_t entry, enum sfx_condition *ret_condition,
                                   struct sfx_fault *fault)
{
    const struct sfx_index *index = &installed->record.index;
    struct sfx_entry record = sfx_index_entry(index, entry);
    enum sfx_error error = check(installed, entry, ret_condition, fault);
    if (error || *ret_condition != SFX_OTHER_CONTENT)
        return error;
    if (sfx_installed_is_regenerated(installed, sfx_index_string(index, record.path)))
        *ret_condition = SFX_REGENERATED;
    else if (follows_change(installed, record.kind == SFX_ENTRY_KIND_HARD_LINK ? record.target : entry))
        *ret_condition = SFX_FOLLOWS;
    return SFX_OK;
}

/* ---- All entries ---- */

#define ENTRIES_AT_ONCE 64u

struct inspection {
    const struct sfx_installed *installed;
    uint8_t *conditions;
    struct sfx_progress *progress;
    _Atomic uint64_t done;               /* bytes */
};

static void *enter(void *context)
{
    return context;
}

static void leave(void *worker)
{
    (void)worker;
}

static enum sfx_error inspect(void *context, void *worker, uint32_t at, struct sfx_fault *fault)
{
    struct inspection *inspection = context;
    const struct sfx_index *index = &inspection->installed->record.index;
    uint32_t count = inspection->installed->record.index.header.entry_count;
    enum sfx_error error = SFX_OK;
    (void)worker;
    for (uint32_t i = at * ENTRIES_AT_ONCE; !error && i < count && i < (at + 1) * ENTRIES_AT_ONCE; i++) {
        enum sfx_condition condition = SFX_UNREADABLE;
        error = sfx_check_interrupted(fault);
        if (!error)
            error = sfx_installed_check(inspection->installed, i, &condition, fault);
        inspection->conditions[i] = (uint8_t)condition;
        struct sfx_entry entry = sfx_index_entry(index, i);
        if (entry.kind == SFX_ENTRY_KIND_FILE)
            inspection->done += sfx_index_content(index, entry.target).size;
    }
    return error;
}

static void tick(void *context)
{
    const struct inspection *inspection = context;
    if (inspection->progress)
        sfx_progress_show(inspection->progress, inspection->done, inspection->installed->record.index.product.tree_size);
}

enum sfx_error sfx_installed_check_all(const struct sfx_installed *installed, unsigned jobs, struct sfx_progress *progress,
                                       uint8_t **ret_conditions, struct sfx_fault *fault)
{
    uint32_t count = installed->record.index.header.entry_count;
    *ret_conditions = calloc((size_t)count + 1, 1);
    if (!*ret_conditions)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    struct inspection inspection = {installed, *ret_conditions, progress, 0};
    struct sfx_work work = {
        .count = (count + ENTRIES_AT_ONCE - 1) / ENTRIES_AT_ONCE,
        .workers = jobs ? jobs : sfx_os_cpu_count(),
        .context = &inspection,
        .enter = enter,
        .leave = leave,
        .run = inspect,
        .tick = tick,
    };
    return sfx_pool_run(&work, fault);
}

bool sfx_installed_is_at(int root, const char *prefix)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    struct sfx_os_stat here;
    struct sfx_os_stat there;
    return sfx_os_open(SFX_OS_HERE, prefix, SFX_OS_DIRECTORY_FOLLOW, &fd) == 0 && sfx_os_stat_fd(fd, &there) == 0 &&
           sfx_os_stat_fd(root, &here) == 0 && here.device == there.device && here.inode == there.inode;
}

enum sfx_error sfx_installed_self(char **ret_path, int *ret_root, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *self = NULL;
    int error = sfx_os_self(&self);
    if (error)
        return sfx_fail_os(fault, error, "cannot find out where this program lies");
    size_t size = strlen(self);
    size_t tail = 1 + strlen(sfx_os_tool);
    if (size <= tail || self[size - tail] != '/' || !sfx_os_same_path(self + size - tail + 1, sfx_os_tool))
        return sfx_fail(fault, SFX_ERROR_USAGE, "%s is not in an installation; run PREFIX/" SFX_TOOL, self);
    self[size - tail] = '\0';
    error = sfx_os_open(SFX_OS_HERE, self, SFX_OS_DIRECTORY_FOLLOW, ret_root);
    if (error)
        return sfx_fail_os(fault, error, "cannot open %s", self);
    *ret_path = self;
    self = NULL;
    return SFX_OK;
}
