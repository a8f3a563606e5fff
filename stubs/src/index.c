#include "index.h"

#include <inttypes.h>
#include <stdlib.h>

#include "index_check.h"
#include "buffer.h"
#include "number.h"

/* Records */

struct sfx_block sfx_index_block(const struct sfx_index *index, uint32_t at)
{
    struct sfx_block block;
    sfx_read_block(index->blocks + (size_t)at * SFX_BLOCK_SIZE, &block);
    return block;
}

struct sfx_content sfx_index_content(const struct sfx_index *index, uint32_t at)
{
    struct sfx_content content;
    sfx_read_content(index->contents + (size_t)at * SFX_CONTENT_SIZE, &content);
    return content;
}

struct sfx_entry sfx_index_entry(const struct sfx_index *index, uint32_t at)
{
    struct sfx_entry entry;
    sfx_read_entry(index->entries + (size_t)at * SFX_ENTRY_SIZE, &entry);
    return entry;
}

struct sfx_site sfx_index_site(const struct sfx_index *index, uint32_t at)
{
    struct sfx_site site;
    sfx_read_site(index->sites + (size_t)at * SFX_SITE_SIZE, &site);
    return site;
}

uint32_t sfx_index_hit(const struct sfx_index *index, uint32_t at)
{
    return sfx_le32(index->hits + (size_t)at * 4);
}

struct sfx_requirement sfx_index_requirement(const struct sfx_index *index, uint32_t at)
{
    struct sfx_requirement requirement;
    sfx_read_requirement(index->requirements + (size_t)at * SFX_REQUIREMENT_SIZE, &requirement);
    return requirement;
}

static struct sfx_hook hook_at(const struct sfx_index *index, uint32_t at)
{
    struct sfx_hook hook;
    sfx_read_hook(index->hooks + (size_t)at * SFX_HOOK_SIZE, &hook);
    return hook;
}

struct sfx_bytes sfx_index_hook(const struct sfx_index *index, enum sfx_hook_kind kind)
{
    for (uint32_t i = 0; i < index->header.hook_count; i++) {
        struct sfx_hook hook = hook_at(index, i);
        if (hook.kind == (uint8_t)kind)
            return sfx_index_string(index, hook.text);
    }
    return (struct sfx_bytes){(const uint8_t *)"", 0};
}

struct sfx_bytes sfx_index_string(const struct sfx_index *index, struct sfx_string string)
{
    return (struct sfx_bytes){index->strings + string.offset, string.size};
}

struct sfx_bytes sfx_index_limiting(const struct sfx_index *index, bool *ret_condas)
{
    uint32_t entry = index->product.prefix_limit_entry;
    *ret_condas = index->product.prefix_limit == SFX_CONDA_PLACEHOLDER;
    if (entry == SFX_NO_ENTRY)
        return (struct sfx_bytes){(const uint8_t *)"", 0};
    for (uint32_t i = index->entry_site[entry]; i < index->entry_site[entry + 1]; i++)
        *ret_condas |= sfx_index_site(index, i).strategy == SFX_STRATEGY_CSTRING;
    return sfx_index_string(index, sfx_index_entry(index, entry).path);
}

uint32_t sfx_index_block_of(const struct sfx_index *index, uint64_t place)
{
    /* Blocks are not empty, so their starts ascend strictly: the last start that is not after PLACE. */
    uint32_t low = 0;
    uint32_t high = index->header.block_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (index->block_start[middle] <= place)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint8_t sfx_index_content_level(const struct sfx_index *index, uint32_t at)
{
    uint64_t start = index->content_start[at];
    if (index->content_start[at + 1] == start)
        return 0;
    return sfx_index_block(index, sfx_index_block_of(index, start)).level;
}

/* As entries are ordered: component by component, so that `/` comes before every other byte. */
static int compare_paths(struct sfx_bytes a, struct sfx_bytes b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    for (size_t i = 0; i < shorter; i++) {
        int left = a.data[i] == '/' ? -1 : a.data[i];
        int right = b.data[i] == '/' ? -1 : b.data[i];
        if (left != right)
            return left < right ? -1 : 1;
    }
    return (a.size > b.size) - (a.size < b.size);
}

uint32_t sfx_index_find(const struct sfx_index *index, struct sfx_bytes path)
{
    uint32_t low = 0;
    uint32_t high = index->header.entry_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_paths(sfx_index_string(index, sfx_index_entry(index, middle).path), path);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SFX_NO_ENTRY;
}

/* Checks, in the order of SPEC */

enum sfx_error sfx_check_string(const struct sfx_index *index, struct sfx_string string, const char *record,
                                uint32_t at, struct sfx_fault *fault)
{
    uint64_t end = (uint64_t)string.offset + string.size;
    if (end > index->header.strings_size)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_STRING, "%s %" PRIu32, record, at);
    if (string.size != 0 && memchr(index->strings + string.offset, 0, string.size) != NULL)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_STRING, "%s %" PRIu32 " has a NUL", record, at);
    return SFX_OK;
}

/* Header and place of each table. */
static enum sfx_error check_header(struct sfx_index *index, struct sfx_fault *fault)
{
    if (index->raw_size < SFX_INDEX_HEADER_SIZE + SFX_PRODUCT_SIZE)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_TABLE, "%zu bytes", index->raw_size);
    struct sfx_index_header *header = &index->header;
    sfx_read_index_header(index->raw, header);
    if (memcmp(header->magic, SFX_INDEX_MAGIC, sizeof header->magic) != 0)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_TABLE, "no index");

    const uint64_t sizes[] = {
        SFX_INDEX_HEADER_SIZE + SFX_PRODUCT_SIZE,
        (uint64_t)header->block_count * SFX_BLOCK_SIZE,
        (uint64_t)header->content_count * SFX_CONTENT_SIZE,
        (uint64_t)header->entry_count * SFX_ENTRY_SIZE,
        (uint64_t)header->site_count * SFX_SITE_SIZE,
        (uint64_t)header->hit_count * 4,
        (uint64_t)header->requirement_count * SFX_REQUIREMENT_SIZE,
        (uint64_t)header->hook_count * SFX_HOOK_SIZE,
        header->strings_size,
    };
    uint64_t starts[9];
    uint64_t end = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        starts[i] = end;
        end += sizes[i];      /* cannot wrap: nine products of a u32 and a small number */
    }
    if (end != index->raw_size)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_TABLE, "%" PRIu64 " bytes in %zu", end, index->raw_size);
    if (header->tree_count > SFX_MAX_TREES)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_TABLE, "%" PRIu32 " trees", header->tree_count);
    index->blocks = index->raw + starts[1];
    index->contents = index->raw + starts[2];
    index->entries = index->raw + starts[3];
    index->sites = index->raw + starts[4];
    index->hits = index->raw + starts[5];
    index->requirements = index->raw + starts[6];
    index->hooks = index->raw + starts[7];
    index->strings = index->raw + starts[8];
    return SFX_OK;
}

/* The counts were checked against the size of the index, which bounds what is allocated here. */
static enum sfx_error allocate(struct sfx_index *index, struct sfx_fault *fault)
{
    const struct sfx_index_header *header = &index->header;
    index->block_start = calloc((size_t)header->block_count + 1, sizeof *index->block_start);
    index->block_offset = calloc((size_t)header->block_count + 1, sizeof *index->block_offset);
    index->content_start = calloc((size_t)header->content_count + 1, sizeof *index->content_start);
    index->entry_site = calloc((size_t)header->entry_count + 1, sizeof *index->entry_site);
    index->site_hit = calloc((size_t)header->site_count + 1, sizeof *index->site_hit);
    index->trees = calloc((size_t)header->tree_count + 1, sizeof *index->trees);
    if (index->trees == NULL || index->block_start == NULL || index->block_offset == NULL || index->content_start == NULL
        || index->entry_site == NULL || index->site_hit == NULL)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "no memory for the index of %zu bytes", index->raw_size);
    return SFX_OK;
}

static bool is_component(struct sfx_bytes name)
{
    bool is_dots = (name.size == 1 && memcmp(name.data, ".", 1) == 0)
        || (name.size == 2 && memcmp(name.data, "..", 2) == 0);
    return name.size != 0 && !is_dots && memchr(name.data, '/', name.size) == NULL;
}

static enum sfx_error check_product(struct sfx_index *index, struct sfx_fault *fault)
{
    struct sfx_product *product = &index->product;
    sfx_read_product(index->raw + SFX_INDEX_HEADER_SIZE, product);
    const struct sfx_string strings[] = {
        product->name, product->release, product->default_prefix, product->creator,
        product->report, product->notices, product->activation,
        product->compile,
    };
    for (uint32_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        enum sfx_error error = sfx_check_string(index, strings[i], "product's string", i, fault);
        if (error != SFX_OK)
            return error;
        /* The name becomes a directory's name by default. */
        if (i == 0 && !is_component(sfx_index_string(index, product->name)))
            return sfx_fail_format(fault, SFX_VERDICT_BAD_STRING, "name of the product");
    }
    if (product->prefix_limit_entry != SFX_NO_ENTRY && product->prefix_limit_entry >= index->header.entry_count)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "entry of the prefix limit");
    return SFX_OK;
}

static enum sfx_error check_blocks(struct sfx_index *index, uint64_t blocks_size, struct sfx_fault *fault)
{
    uint8_t level = 0;
    for (uint32_t i = 0; i < index->header.block_count; i++) {
        struct sfx_block block = sfx_index_block(index, i);
        if (!block.reserved_is_zero)
            return sfx_fail_format(fault, SFX_VERDICT_UNKNOWN_FEATURE, "block %" PRIu32, i);
        bool is_sound = block.size >= 1 && block.size <= SFX_MAX_BLOCK_SIZE
            && block.raw_size >= 1 && block.raw_size <= SFX_MAX_BLOCK_RAW
            && block.level >= level && block.level <= SFX_MAX_LEVEL;
        /* The sums cannot wrap: fewer than 2**32 numbers below 2**32. */
        index->block_offset[i + 1] = index->block_offset[i] + block.size;
        index->block_start[i + 1] = index->block_start[i] + block.raw_size;
        if (!is_sound)
            return sfx_fail_format(fault, SFX_VERDICT_BAD_BLOCK, "block %" PRIu32, i);
        level = block.level;
    }
    uint64_t sum = index->block_offset[index->header.block_count];
    if (blocks_size != UINT64_MAX && sum != blocks_size)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_BLOCK, "%" PRIu64 " bytes in %" PRIu64, sum, blocks_size);
    return SFX_OK;
}

static enum sfx_error check_contents(struct sfx_index *index, struct sfx_fault *fault)
{
    const uint32_t count = index->header.content_count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t size = sfx_index_content(index, i).size;
        if (!sfx_add(index->content_start[i], size, &index->content_start[i + 1]))
            return sfx_fail_format(fault, SFX_VERDICT_BAD_CONTENT, "content %" PRIu32, i);
    }
    if (index->content_start[count] != index->block_start[index->header.block_count])
        return sfx_fail_format(fault, SFX_VERDICT_BAD_CONTENT, "%" PRIu64 " bytes in blocks of %" PRIu64,
                               index->content_start[count], index->block_start[index->header.block_count]);

    /* Contents and blocks ascend side by side; levels ascend too, so the first and the last block of a content tell. */
    uint32_t block = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t end = index->content_start[i + 1];
        if (end == index->content_start[i])
            continue;
        while (index->block_start[block + 1] <= index->content_start[i])
            block++;
        uint8_t level = sfx_index_block(index, block).level;
        while (index->block_start[block + 1] < end)
            block++;
        if (sfx_index_block(index, block).level != level)
            return sfx_fail_format(fault, SFX_VERDICT_BAD_CONTENT, "content %" PRIu32 " has two levels", i);
    }
    return SFX_OK;
}

/* What is run after installing is part of what was installed, in every tree. */
static enum sfx_error check_compile(const struct sfx_index *index, struct sfx_fault *fault)
{
    struct sfx_bytes path = sfx_index_string(index, index->product.compile);
    uint32_t count = index->header.tree_count;
    for (uint32_t i = 0; path.size > 0 && i < (count ? count : 1); i++) {
        SFX_BUFFER whole = {0};
        if (count) {
            struct sfx_bytes name = sfx_index_string(index, sfx_index_entry(index, index->trees[i].first).path);
            sfx_buffer_add(&whole, name.data, name.size);
            sfx_buffer_add(&whole, "/", 1);
        }
        sfx_buffer_add(&whole, path.data, path.size);
        if (whole.has_failed)
            return sfx_fail(fault, SFX_ERROR_MEMORY, "no memory for a path");
        uint32_t at = sfx_index_find(index, (struct sfx_bytes){whole.data, whole.size});
        if (at == SFX_NO_ENTRY || sfx_index_entry(index, at).kind == SFX_ENTRY_KIND_DIRECTORY)
            return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "interpreter of the product");
    }
    return SFX_OK;
}

static enum sfx_error check_requirements(const struct sfx_index *index, struct sfx_fault *fault)
{
    for (uint32_t i = 0; i < index->header.requirement_count; i++) {
        struct sfx_requirement requirement = sfx_index_requirement(index, i);
        if (!requirement.reserved_is_zero)
            return sfx_fail_format(fault, SFX_VERDICT_UNKNOWN_FEATURE, "requirement %" PRIu32, i);
        bool is_known = requirement.kind == SFX_REQUIREMENT_KIND_GLIBC
            || requirement.kind == SFX_REQUIREMENT_KIND_CPU_LEVEL || requirement.kind == SFX_REQUIREMENT_KIND_MUSL;
        if (!is_known || (requirement.flags & ~SFX_REQUIREMENT_FLAG_HARD) != 0)
            return sfx_fail_format(fault, SFX_VERDICT_BAD_REQUIREMENT, "requirement %" PRIu32, i);
        enum sfx_error error = sfx_check_string(index, requirement.path, "requirement", i, fault);
        if (error != SFX_OK)
            return error;
        if (requirement.path.size > SFX_MAX_PATH)
            return sfx_fail_format(fault, SFX_VERDICT_BAD_REQUIREMENT, "path of requirement %" PRIu32, i);
    }
    return SFX_OK;
}

static enum sfx_error check_hooks(const struct sfx_index *index, struct sfx_fault *fault)
{
    uint8_t before = 0;
    for (uint32_t i = 0; i < index->header.hook_count; i++) {
        struct sfx_hook hook = hook_at(index, i);
        if (!hook.reserved_is_zero)
            return sfx_fail_format(fault, SFX_VERDICT_UNKNOWN_FEATURE, "hook %" PRIu32, i);
        if (hook.kind <= before || hook.kind > SFX_HOOK_KIND_MESSAGE_AFTER)
            return sfx_fail_format(fault, SFX_VERDICT_BAD_HOOK, "hook %" PRIu32, i);
        enum sfx_error error = sfx_check_string(index, hook.text, "hook", i, fault);
        if (error != SFX_OK)
            return error;
        struct sfx_bytes text = sfx_index_string(index, hook.text);
        bool is_script = hook.kind <= SFX_HOOK_KIND_PRE_UNINSTALL;
        if (text.size < 1 || text.size > SFX_MAX_HOOK || (is_script && (text.size < 2 || memcmp(text.data, "#!", 2) != 0)))
            return sfx_fail_format(fault, SFX_VERDICT_BAD_HOOK, "text of hook %" PRIu32, i);
        before = hook.kind;
    }
    return SFX_OK;
}

static enum sfx_error check_all(struct sfx_index *index, uint64_t blocks_size, struct sfx_fault *fault)
{
    enum sfx_error error = check_header(index, fault);
    if (error == SFX_OK)
        error = allocate(index, fault);
    if (error == SFX_OK)
        error = check_product(index, fault);
    if (error == SFX_OK)
        error = check_blocks(index, blocks_size, fault);
    if (error == SFX_OK)
        error = check_contents(index, fault);
    if (error == SFX_OK)
        error = sfx_check_entries(index, fault);
    if (error == SFX_OK)
        error = check_compile(index, fault);
    if (error == SFX_OK)
        error = sfx_check_sites(index, fault);
    if (error == SFX_OK)
        error = check_requirements(index, fault);
    if (error == SFX_OK)
        error = check_hooks(index, fault);
    return error;
}

enum sfx_error sfx_index_open(uint8_t *raw, size_t raw_size, uint16_t platform, uint64_t blocks_size,
                              struct sfx_index *ret_index, struct sfx_fault *fault)
{
    *ret_index = (struct sfx_index){.platform = platform, .raw = raw, .raw_size = raw_size};
    enum sfx_error error = check_all(ret_index, blocks_size, fault);
    if (error != SFX_OK)
        sfx_index_close(ret_index);
    return error;
}

void sfx_index_close(struct sfx_index *index)
{
    free((void *)(uintptr_t)index->raw);      /* const for everyone else */
    free(index->block_start);
    free(index->block_offset);
    free(index->content_start);
    free(index->entry_site);
    free(index->site_hit);
    free(index->trees);
    *index = (struct sfx_index){0};
}
