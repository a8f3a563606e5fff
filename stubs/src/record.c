/* PREFIX/.sfxpack/; see record.h. */
#include "record.h"

#include <errno.h>
#include <stdlib.h>

#include "digest.h"
#include "os.h"
#include "place.h"
#include "text.h"
#include "tree.h"

#define STATE SFX_STATE_DIRECTORY "/state"
#define MAX_STATE 65536u
#define KEPT "folder=kept\n"

/* ---- Writing ---- */

static enum sfx_error fail_at(int error, const char *shown, const char *name, struct sfx_fault *fault)
{
    return sfx_fail_os(fault, error, "cannot write %s/%s", shown, name);
}

/* A new file of HEAD, then SIZE bytes of the artifact from OFFSET on. */
static enum sfx_error write_part(const struct sfx_recording *recording, const char *name, uint32_t mode, struct sfx_bytes head,
                                 uint64_t offset, uint64_t size, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    uint8_t buffer[32768];
    uint32_t wanted = sfx_mode(recording->modes, mode);
    int error = sfx_os_create(recording->tree, name, wanted, &fd);
    if (!error)
        sfx_os_set_mode(fd, wanted);     /* against a default access list; FAT refuses, and needs none */
    if (!error && head.size > 0)
        error = sfx_os_write(fd, head.data, head.size);
    while (!error && size > 0) {
        size_t part = size < sizeof buffer ? (size_t)size : sizeof buffer;
        enum sfx_error failed = sfx_artifact_read(recording->artifact, buffer, part, offset, fault);
        if (failed)
            return failed;
        error = sfx_os_write(fd, buffer, part);
        offset += part;
        size -= part;
    }
    error = sfx_os_finish(&fd, error);
    return error ? fail_at(error, recording->shown, name, fault) : SFX_OK;
}

static enum sfx_error write_text(const struct sfx_recording *recording, const char *name, struct sfx_bytes text,
                                 struct sfx_fault *fault)
{
    return write_part(recording, name, 0644, text, 0, 0, fault);
}

static uint8_t *put(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
    return at + size;
}

/* The fields in their order (schema.py, MANIFEST). */
static void fill_manifest(const struct sfx_locator *locator, uint8_t ret_bytes[SFX_MANIFEST_SIZE])
{
    uint8_t *at = ret_bytes;
    memcpy(at, SFX_MANIFEST_MAGIC, 8);
    at = put(at + 8, SFX_VERSION, 2);
    at = put(at, locator->platform, 2);
    at = put(at, 0, 4);
    at = put(at, locator->index_size, 8);
    at = put(at, locator->index_raw_size, 8);
    memcpy(at, locator->index_digest, SFX_DIGEST_SIZE);
    sfx_digest(ret_bytes, SFX_MANIFEST_DIGEST_OFFSET, ret_bytes + SFX_MANIFEST_DIGEST_OFFSET);
}

static void add_line(struct sfx_text *text, const char *key, struct sfx_bytes value)
{
    sfx_text_format(text, "%s=", key);
    sfx_text_add(text, value.data, value.size);
    sfx_text_add(text, "\n", 1);
}

/* As people write it. */
static void add_prefix(struct sfx_text *text, const char *prefix)
{
    SFX_CLEAN_STRING char *native = sfx_os_native(prefix);
    if (native)
        add_line(text, "prefix", sfx_bytes_of(native));
    else
        text->failed = true;
}

static enum sfx_error write_state(const struct sfx_recording *recording, struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    const struct sfx_artifact *artifact = recording->artifact;
    const struct sfx_product *product = &artifact->index.product;
    add_prefix(&text, recording->prefix);
    add_line(&text, "name", sfx_index_string(&artifact->index, product->name));
    add_line(&text, "release", sfx_index_string(&artifact->index, product->release));
    sfx_text_format(&text, "build=");
    sfx_text_hex(&text, artifact->locator.index_digest, SFX_DIGEST_SIZE);
    sfx_text_format(&text, "\nmode=%s\n", sfx_modes_name(recording->modes));
    if (text.failed)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    return write_text(recording, STATE, (struct sfx_bytes){(const uint8_t *)text.data, text.size}, fault);
}

enum sfx_error sfx_record_generated(int root, const char *shown, struct sfx_bytes text, struct sfx_fault *fault)
{
    struct sfx_recording recording = {.tree = root, .shown = shown, .modes = sfx_record_modes(root)};
    int error = sfx_os_unlink(root, SFX_STATE_DIRECTORY "/generated");
    if (error && error != ENOENT)
        return sfx_fail_os(fault, error, "%s/" SFX_STATE_DIRECTORY "/generated cannot be replaced", shown);
    return write_text(&recording, SFX_STATE_DIRECTORY "/generated", text, fault);
}

/* The folder was made before, and a default access list may have changed its mode; FAT refuses, and needs none. */
static void set_folder_mode(const struct sfx_recording *recording)
{
    struct sfx_os_stat found;
    if (sfx_os_stat(recording->tree, SFX_STATE_DIRECTORY, &found) == 0)
        sfx_os_set_mode_at(recording->tree, SFX_STATE_DIRECTORY, sfx_mode(recording->modes, 0755) | (found.mode & 02000u));
}

enum sfx_error sfx_record_write(const struct sfx_recording *recording, struct sfx_fault *fault)
{
    const struct sfx_index *index = &recording->artifact->index;
    const struct sfx_locator *locator = &recording->artifact->locator;
    struct sfx_bytes licence = sfx_index_hook(index, SFX_HOOK_KIND_LICENSE);
    uint8_t record[SFX_MANIFEST_SIZE];
    fill_manifest(locator, record);
    set_folder_mode(recording);
    enum sfx_error error = write_part(recording, sfx_os_tool, 0755, (struct sfx_bytes){NULL, 0},
                                      locator->stub_offset, locator->stub_size, fault);
    if (!error)
        error = write_text(recording, SFX_STATE_DIRECTORY "/NOTICES", sfx_index_string(index, index->product.notices), fault);
    if (!error)
        error = write_text(recording, SFX_STATE_DIRECTORY "/report.json", sfx_index_string(index, index->product.report), fault);
    if (!error && licence.size > 0)
        error = write_text(recording, SFX_STATE_DIRECTORY "/LICENSE", licence, fault);
    if (!error)
        error = write_state(recording, fault);
    if (!error && recording->log)
        error = write_text(recording, SFX_STATE_DIRECTORY "/install.log", sfx_bytes_of(recording->log), fault);
    if (!error)
        error = write_part(recording, SFX_MANIFEST_PATH, 0644, (struct sfx_bytes){record, sizeof record}, locator->index_offset,
                           locator->index_size, fault);
    return error;
}

/* ---- Reading ---- */

static enum sfx_error read_whole(int root, const char *name, uint64_t most, const char *shown, uint8_t **ret_bytes,
                                 size_t *ret_size, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    struct sfx_os_stat found;
    int error = sfx_os_open(root, name, SFX_OS_READ, &fd);
    if (!error)
        error = sfx_os_stat_fd(fd, &found);
    if (error)
        return sfx_fail_os(fault, error, "cannot read %s/%s", shown, name);
    if (found.kind != SFX_OS_FILE || found.size > most)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_EXTENT, "%s/%s", shown, name);
    uint8_t *bytes = malloc((size_t)found.size + 1);
    if (!bytes)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    enum sfx_error failed = sfx_os_pread(fd, bytes, (size_t)found.size, 0, fault);
    if (failed) {
        free(bytes);
        return failed;
    }
    bytes[found.size] = 0;
    *ret_bytes = bytes;
    *ret_size = (size_t)found.size;
    return SFX_OK;
}

/* The value of the first line `KEY=...` of the state, malloced; RET_VALUE stays as it is if there is none. */
static enum sfx_error read_value(int root, const char *shown, const char *key, char **ret_value, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *text = NULL;
    uint8_t *bytes;
    size_t size;
    size_t length = strlen(key);
    enum sfx_error error = read_whole(root, STATE, MAX_STATE, shown, &bytes, &size, fault);
    if (error)
        return error;
    text = (char *)bytes;
    for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, length) != 0 || line[length] != '=')
            continue;
        line[strcspn(line, "\n")] = '\0';
        *ret_value = strdup(line + length + 1);
        return *ret_value ? SFX_OK : sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    }
    return SFX_OK;
}

static enum sfx_error read_prefix(int root, const char *shown, char **ret_prefix, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *prefix = NULL;
    enum sfx_error error = read_value(root, shown, "prefix", &prefix, fault);
    if (error)
        return error;
    if (prefix)
        sfx_os_from_native(prefix);
    if (!prefix || sfx_os_root_size(prefix) == 0 || strlen(prefix) > SFX_MAX_PREFIX)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_STRING, "%s/%s names no prefix", shown, STATE);
    *ret_prefix = prefix;
    prefix = NULL;
    return SFX_OK;
}

enum sfx_modes sfx_record_modes(int root)
{
    SFX_CLEAN_STRING char *name = NULL;
    struct sfx_fault ignored;
    read_value(root, "", "mode", &name, &ignored);
    return name ? sfx_modes_find(name) : SFX_MODES_UNSET;
}

int sfx_record_replace(int root, const char *path, const struct sfx_text *text, uint32_t mode, bool sync)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    __attribute__((cleanup(sfx_os_closep))) int folder = -1;
    SFX_CLEAN_STRING char *new = sfx_print("%s.new", path);
    if (!new || text->failed)
        return ENOMEM;
    int error = sfx_os_unlink(root, new);
    if (!error || error == ENOENT)
        error = sfx_os_create(root, new, mode, &fd);
    if (!error && text->size > 0)
        error = sfx_os_write(fd, text->data, text->size);
    if (!error && sync)
        error = sfx_os_sync_file(fd);
    error = sfx_os_finish(&fd, error);
    if (!error)
        error = sfx_os_rename(root, new, root, path, SFX_OS_REPLACE);
    if (!error && sync)
        error = sfx_os_open(root, SFX_STATE_DIRECTORY, SFX_OS_DIRECTORY, &folder);
    return !error && sync ? sfx_os_sync_file(folder) : error;
}

enum sfx_error sfx_record_move(int root, int tree, const char *shown, const char *prefix, bool sync, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *old = NULL;
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    uint8_t *bytes;
    size_t size;
    enum sfx_error error = read_whole(root, STATE, MAX_STATE, shown, &bytes, &size, fault);
    if (error)
        return error;
    old = (char *)bytes;
    add_prefix(&text, prefix);
    for (const char *line = old; *line;) {
        size_t length = strcspn(line, "\n");
        length += line[length] == '\n';
        bool dropped = strncmp(line, "prefix=", 7) == 0 || (root != tree && strncmp(line, KEPT, sizeof KEPT - 1) == 0);
        if (!dropped)
            sfx_text_add(&text, line, length);
        line += length;
    }
    uint32_t mode = sfx_mode(sfx_record_modes(root), 0644);
    int os_error = sfx_record_replace(tree, STATE, &text, mode, sync);
    return os_error ? fail_at(os_error, shown, STATE, fault) : SFX_OK;
}

int sfx_record_remove(int root, bool sync)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    int error = sfx_os_unlink(root, SFX_MANIFEST_PATH);
    if (!error || error == ENOENT)
        error = sfx_os_open(root, SFX_STATE_DIRECTORY, SFX_OS_DIRECTORY, &fd);
    if (!error && sync)
        sfx_os_sync_file(fd);
    if (!error)
        error = sfx_os_list(fd, &names, &count);
    const char *name = names;
    for (size_t i = 0; !error && i < count; i++, name += strlen(name) + 1)
        if (strcmp(name, sfx_path_name(SFX_UNINSTALLING)) != 0)
            error = sfx_tree_remove(fd, name, NULL);
    if (!error && sync)
        sfx_os_sync_file(fd);
    return error ? error : sfx_tree_remove(root, SFX_STATE_DIRECTORY, NULL);
}

int sfx_record_keep_folder(int tree)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    int error = sfx_os_open(tree, STATE, SFX_OS_ADD, &fd);
    return error ? error : sfx_os_write(fd, KEPT, sizeof KEPT - 1);
}

bool sfx_record_keeps_folder(int root)
{
    SFX_CLEAN_STRING char *value = NULL;
    struct sfx_fault ignored;
    read_value(root, "", "folder", &value, &ignored);
    return value && strcmp(value, "kept") == 0;
}

void sfx_record_add_log(int root, struct sfx_bytes text)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    if (text.size > 0 && sfx_os_open(root, SFX_STATE_DIRECTORY "/install.log", SFX_OS_ADD, &fd) == 0)
        sfx_os_write(fd, text.data, text.size);
}

static void name_manifest(struct sfx_fault *fault, const char *shown)
{
    if (fault->error == SFX_ERROR_FORMAT)
        sfx_fail_format(fault, fault->verdict, "%s/%s", shown, SFX_MANIFEST_PATH);
}

enum sfx_error sfx_record_check_ended(int root, const char *shown, struct sfx_fault *fault)
{
    struct sfx_os_stat pending;
    if (sfx_os_stat(root, SFX_PENDING_PATH, &pending) != 0)
        return SFX_OK;
    return sfx_fail(fault, SFX_ERROR_PREFIX, "%s is being installed, or that run was killed; then run the installer again", shown);
}

enum sfx_error sfx_record_open(int root, const char *shown, struct sfx_record *ret_record, struct sfx_fault *fault)
{
    uint8_t *bytes;
    size_t size;
    memset(ret_record, 0, sizeof *ret_record);
    enum sfx_error error = read_whole(root, SFX_MANIFEST_PATH, SFX_MAX_INDEX_RAW, shown, &bytes, &size, fault);
    struct sfx_fault ended;
    if (error && sfx_record_check_ended(root, shown, &ended) != SFX_OK)
        *fault = ended;
    if (error)
        return fault->error;
    error = sfx_manifest_open(bytes, size, &ret_record->index, ret_record->build, fault);
    free(bytes);
    if (error)
        name_manifest(fault, shown);
    else
        error = read_prefix(root, shown, &ret_record->prefix, fault);
    ret_record->modes = sfx_record_modes(root);
    if (error)
        sfx_record_close(ret_record);
    return error;
}

void sfx_record_close(struct sfx_record *record)
{
    sfx_index_close(&record->index);
    free(record->prefix);
    memset(record, 0, sizeof *record);
}

enum sfx_error sfx_record_identity(int root, const char *shown, uint8_t ret_build[SFX_DIGEST_SIZE], char **ret_prefix,
                                   struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    uint8_t bytes[SFX_MANIFEST_SIZE];
    uint8_t digest[SFX_DIGEST_SIZE];
    struct sfx_manifest manifest;
    size_t size;
    int os_error = sfx_os_open(root, SFX_MANIFEST_PATH, SFX_OS_READ, &fd);
    if (!os_error)
        os_error = sfx_os_read(fd, bytes, sizeof bytes, &size);
    if (os_error)
        return sfx_fail_os(fault, os_error, "cannot read %s/%s", shown, SFX_MANIFEST_PATH);
    if (size < sizeof bytes)
        return sfx_fail_format(fault, SFX_VERDICT_TRUNCATED, "%s/%s", shown, SFX_MANIFEST_PATH);
    sfx_read_manifest(bytes, &manifest);
    sfx_digest(bytes, SFX_MANIFEST_DIGEST_OFFSET, digest);
    if (memcmp(manifest.magic, SFX_MANIFEST_MAGIC, sizeof manifest.magic) != 0)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_MAGIC, "%s/%s", shown, SFX_MANIFEST_PATH);
    if (memcmp(digest, manifest.digest, sizeof digest) != 0)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_LOCATOR_DIGEST, "%s/%s", shown, SFX_MANIFEST_PATH);
    memcpy(ret_build, manifest.index_digest, SFX_DIGEST_SIZE);
    return read_prefix(root, shown, ret_prefix, fault);
}
