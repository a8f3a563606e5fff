/* What a file or an installation says of itself; see report.h. */
#include "report.h"

#include <stdio.h>

#include "hooks.h"
#include "installed.h"
#include "os.h"
#include "texts.h"

/* ---- --info ---- */

struct counts {
    uint32_t directories;
    uint32_t files;
    uint32_t links;
    uint32_t hard_links;
    uint32_t sites[SFX_STRATEGY_DERIVED + 1];
    uint32_t soft;
};

static const char *const strategy_names[] = {"", "text", "shebang", "cstring", "slash", "pyc", "derived"};

static struct counts count(const struct sfx_index *index)
{
    struct counts counts = {0};
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        uint8_t kind = sfx_index_entry(index, i).kind;
        counts.directories += kind == SFX_ENTRY_KIND_DIRECTORY;
        counts.files += kind == SFX_ENTRY_KIND_FILE;
        counts.links += kind == SFX_ENTRY_KIND_LINK;
        counts.hard_links += kind == SFX_ENTRY_KIND_HARD_LINK;
    }
    for (uint32_t i = 0; i < index->header.site_count; i++) {
        struct sfx_site site = sfx_index_site(index, i);
        counts.sites[site.strategy]++;
        counts.soft += (site.flags & SFX_SITE_FLAG_SOFT) != 0;
    }
    return counts;
}

static void print_requirements(const struct sfx_index *index)
{
    for (uint32_t i = 0; i < index->header.requirement_count; i++) {
        struct sfx_requirement requirement = sfx_index_requirement(index, i);
        struct sfx_bytes path = sfx_index_string(index, requirement.path);
        const char *how = requirement.flags & SFX_REQUIREMENT_FLAG_HARD ? "" : ", that file alone";
        if (requirement.kind == SFX_REQUIREMENT_KIND_GLIBC)
            printf("requires    GNU C library %u.%u (%.*s%s)\n", requirement.value >> 16, requirement.value & 0xffff,
                   SFX_TEXT(path), how);
        else if (requirement.kind == SFX_REQUIREMENT_KIND_MUSL)
            printf("requires    musl (%.*s%s)\n", SFX_TEXT(path), how);
        else
            printf("requires    processor x86-64-v%u (%.*s%s)\n", requirement.value, SFX_TEXT(path), how);
    }
}

static struct sfx_bytes tree_name(const struct sfx_index *index, uint32_t at)
{
    return sfx_index_string(index, sfx_index_entry(index, index->trees[at].first).path);
}

static void print_index(const struct sfx_index *index)
{
    struct counts counts = count(index);
    const struct sfx_product *product = &index->product;
    bool condas;
    struct sfx_bytes path = sfx_index_limiting(index, &condas);
    char text[32];
    for (uint32_t i = 0; i < index->header.tree_count; i++)
        printf("environment %.*s\n", SFX_TEXT(tree_name(index, i)));
    printf("installed   %s\n", sfx_size_text(product->tree_size, text));
    printf("entries     %u files, %u folders, %u links, %u hard links\n", counts.files, counts.directories, counts.links,
           counts.hard_links);
    printf("blocks      %u\n", index->header.block_count);
    printf("sites      ");
    for (unsigned i = SFX_STRATEGY_TEXT; i <= SFX_STRATEGY_DERIVED; i++)
        printf(" %s %u%s", strategy_names[i], counts.sites[i], i < SFX_STRATEGY_DERIVED ? "," : "\n");
    if (product->prefix_limit == SFX_NO_LIMIT)
        printf("prefix      of any length\n");
    else
        printf("prefix      at most %u bytes (%.*s); %s\n", product->prefix_limit, SFX_TEXT(path),
               condas ? "its conda package has no more room"
                      : "build the environment at a longer path and pack it there to raise it");
    print_requirements(index);
}

static void print_product(const struct sfx_index *index, const uint8_t build[SFX_DIGEST_SIZE])
{
    SFX_CLEAN_TEXT struct sfx_text hex = {0};
    sfx_text_hex(&hex, build, SFX_DIGEST_SIZE);
    printf("name        %.*s\n", SFX_TEXT(sfx_index_string(index, index->product.name)));
    printf("release     %.*s\n", SFX_TEXT(sfx_index_string(index, index->product.release)));
    printf("platform    %s\n", sfx_platform_label(index->platform));
    printf("made by     %.*s\n", SFX_TEXT(sfx_index_string(index, index->product.creator)));
    printf("build       %s\n", hex.data ? hex.data : "");
}

static void add_string(struct sfx_text *text, const char *key, struct sfx_bytes value)
{
    sfx_text_format(text, ",\n  \"%s\": ", key);
    sfx_text_json(text, value);
}

static void add_requirements(struct sfx_text *text, const struct sfx_index *index)
{
    sfx_text_format(text, ",\n  \"requirements\": [");
    for (uint32_t i = 0; i < index->header.requirement_count; i++) {
        struct sfx_requirement requirement = sfx_index_requirement(index, i);
        static const char *const kinds[] = {"", "glibc", "cpu_level", "musl"};
        bool hard = (requirement.flags & SFX_REQUIREMENT_FLAG_HARD) != 0;
        sfx_text_format(text, "%s{\"kind\": \"%s\", \"hard\": %s, \"value\": ", i ? ", " : "", kinds[requirement.kind],
                        hard ? "true" : "false");
        if (requirement.kind == SFX_REQUIREMENT_KIND_GLIBC)
            sfx_text_format(text, "\"%u.%u\"", requirement.value >> 16, requirement.value & 0xffff);
        else
            sfx_text_format(text, "%u", requirement.value);
        sfx_text_format(text, ", \"path\": ");
        sfx_text_json(text, sfx_index_string(index, requirement.path));
        sfx_text_format(text, "}");
    }
    sfx_text_format(text, "]");
}

static void add_hooks(struct sfx_text *text, const struct sfx_index *index)
{
    unsigned count = 0;
    sfx_text_format(text, ",\n  \"hooks\": {");
    for (unsigned kind = SFX_HOOK_KIND_PRE_INSTALL; kind <= SFX_HOOK_KIND_MESSAGE_AFTER; kind++) {
        struct sfx_bytes hook = sfx_index_hook(index, (enum sfx_hook_kind)kind);
        if (hook.size == 0)
            continue;
        sfx_text_format(text, "%s\"%s\": ", count++ ? ", " : "", sfx_hook_label((enum sfx_hook_kind)kind));
        sfx_text_json(text, hook);
    }
    sfx_text_format(text, "}");
}

static void add_counts(struct sfx_text *text, const struct sfx_index *index)
{
    struct counts counts = count(index);
    sfx_text_format(text, ",\n  \"files\": %u,\n  \"directories\": %u,\n  \"links\": %u,\n  \"hard_links\": %u,\n  \"blocks\": %u",
                    counts.files, counts.directories, counts.links, counts.hard_links, index->header.block_count);
    sfx_text_format(text, ",\n  \"sites\": {");
    for (unsigned i = SFX_STRATEGY_TEXT; i <= SFX_STRATEGY_DERIVED; i++)
        sfx_text_format(text, "\"%s\": %u, ", strategy_names[i], counts.sites[i]);
    sfx_text_format(text, "\"soft\": %u}", counts.soft);
}

static enum sfx_error info_json(const struct sfx_session *session, struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    const struct sfx_index *index = &session->artifact.index;
    const struct sfx_product *product = &index->product;
    bool condas;
    sfx_text_format(&text, "{\n  \"platform\": \"%s\"", sfx_platform_label(index->platform));
    add_string(&text, "name", sfx_index_string(index, product->name));
    add_string(&text, "release", sfx_index_string(index, product->release));
    add_string(&text, "default_prefix", sfx_index_string(index, product->default_prefix));
    add_string(&text, "creator", sfx_index_string(index, product->creator));
    add_string(&text, "activation", sfx_index_string(index, product->activation));
    sfx_text_format(&text, ",\n  \"environments\": [");
    for (uint32_t i = 0; i < index->header.tree_count; i++) {
        sfx_text_format(&text, "%s", i ? ", " : "");
        sfx_text_json(&text, tree_name(index, i));
    }
    sfx_text_format(&text, "],\n  \"build\": \"");
    sfx_text_hex(&text, session->artifact.locator.index_digest, SFX_DIGEST_SIZE);
    sfx_text_format(&text, "\",\n  \"size\": %llu,\n  \"parts\": %u,\n  \"tree_size\": %llu",
                    (unsigned long long)session->artifact.locator.total_size, session->artifact.locator.part_count,
                    (unsigned long long)product->tree_size);
    add_counts(&text, index);
    if (product->prefix_limit == SFX_NO_LIMIT)
        sfx_text_format(&text, ",\n  \"prefix_limit\": null");
    else
        sfx_text_format(&text, ",\n  \"prefix_limit\": %u", product->prefix_limit);
    add_string(&text, "prefix_limit_path", sfx_index_limiting(index, &condas));
    sfx_text_format(&text, ",\n  \"prefix_limit_conda\": %s", condas ? "true" : "false");
    add_requirements(&text, index);
    add_hooks(&text, index);
    sfx_text_format(&text, "\n}");
    if (text.failed)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    puts(text.data);
    return SFX_OK;
}

enum sfx_error sfx_report_info(struct sfx_session *session, struct sfx_fault *fault)
{
    char text[64];
    if (session->options.json)
        return info_json(session, fault);
    print_product(&session->artifact.index, session->artifact.locator.index_digest);
    printf("size        %s\n", sfx_files_text(&session->artifact.locator, text));
    print_index(&session->artifact.index);
    sfx_texts_info(&session->artifact.index, "to be accepted; --licenses prints it");
    return SFX_OK;
}

/* ---- --list ---- */

/* What a tree of `ls -l` shows: the type's letter and the permission bits. */
static void mode_text(const struct sfx_entry *entry, char text[11])
{
    static const char letters[] = "rwxrwxrwx";
    bool link = entry->kind == SFX_ENTRY_KIND_LINK;
    uint32_t mode = link ? 0777 : entry->mode;
    text[0] = link ? 'l' : entry->kind == SFX_ENTRY_KIND_DIRECTORY ? 'd' : '-';
    for (unsigned i = 0; i < 9; i++)
        text[i + 1] = mode & (0400u >> i) ? letters[i] : '-';
    text[10] = '\0';
}

static uint64_t size_of(const struct sfx_index *index, const struct sfx_entry *entry)
{
    if (entry->kind == SFX_ENTRY_KIND_FILE)
        return sfx_index_content(index, entry->target).size;
    if (entry->kind == SFX_ENTRY_KIND_HARD_LINK)
        return sfx_index_content(index, sfx_index_entry(index, entry->target).target).size;
    return 0;
}

/* The text of a link as it is in the file: where it holds the prefix, `PREFIX`. */
static void add_link(struct sfx_text *text, const struct sfx_index *index, uint32_t at, const struct sfx_entry *entry)
{
    struct sfx_bytes link = sfx_index_string(index, entry->link);
    size_t done = 0;
    for (uint32_t i = index->entry_site[at]; i < index->entry_site[at + 1]; i++) {
        struct sfx_site site = sfx_index_site(index, i);
        for (uint32_t j = index->site_hit[i]; j < index->site_hit[i + 1]; j++) {
            size_t hit = (size_t)site.offset + sfx_index_hit(index, j);
            sfx_text_add(text, link.data + done, hit - done);
            sfx_text_add(text, "PREFIX", 6);
            done = hit;
        }
    }
    sfx_text_add(text, link.data + done, link.size - done);
}

static void list_entry(const struct sfx_index *index, uint32_t at, struct sfx_text *line)
{
    struct sfx_entry entry = sfx_index_entry(index, at);
    struct sfx_bytes path = sfx_index_string(index, entry.path);
    char mode[11];
    mode_text(&entry, mode);
    sfx_text_format(line, "%s %12llu ", mode, (unsigned long long)size_of(index, &entry));
    sfx_text_add(line, path.data, path.size);
    if (entry.kind == SFX_ENTRY_KIND_LINK) {
        sfx_text_add(line, " -> ", 4);
        add_link(line, index, at, &entry);
    }
    sfx_text_add(line, "\n", 1);
}

static void list_entry_json(const struct sfx_index *index, uint32_t at, struct sfx_text *line)
{
    static const char *const kinds[] = {"", "directory", "file", "link", "hard_link"};
    SFX_CLEAN_TEXT struct sfx_text link = {0};
    struct sfx_entry entry = sfx_index_entry(index, at);
    sfx_text_format(line, "%s {\"kind\": \"%s\", \"mode\": %u, \"size\": %llu, \"mtime\": %llu, \"path\": ", at ? ",\n" : "",
                    kinds[entry.kind], entry.mode, (unsigned long long)size_of(index, &entry), (unsigned long long)entry.mtime);
    sfx_text_json(line, sfx_index_string(index, entry.path));
    if (entry.kind == SFX_ENTRY_KIND_LINK) {
        add_link(&link, index, at, &entry);
        sfx_text_format(line, ", \"link\": ");
        sfx_text_json(line, (struct sfx_bytes){(const uint8_t *)link.data, link.size});
    }
    if (entry.kind == SFX_ENTRY_KIND_HARD_LINK) {
        sfx_text_format(line, ", \"file\": ");
        sfx_text_json(line, sfx_index_string(index, sfx_index_entry(index, entry.target).path));
    }
    sfx_text_add(line, "}", 1);
}

enum sfx_error sfx_report_list(struct sfx_session *session, struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text line = {0};
    const struct sfx_index *index = &session->artifact.index;
    bool json = session->options.json;
    if (json)
        fputs("[\n", stdout);
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        line.size = 0;
        if (json)
            list_entry_json(index, i, &line);
        else
            list_entry(index, i, &line);
        if (line.failed)
            return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
        fwrite(line.data, 1, line.size, stdout);
    }
    if (json)
        fputs("\n]\n", stdout);
    return SFX_OK;
}

/* ---- The rest ---- */

static void print_string(const struct sfx_index *index, struct sfx_string string)
{
    struct sfx_bytes text = sfx_index_string(index, string);
    fwrite(text.data, 1, text.size, stdout);
    if (text.size == 0 || text.data[text.size - 1] != '\n')
        putchar('\n');
}

enum sfx_error sfx_report_licenses(struct sfx_session *session, struct sfx_fault *fault)
{
    (void)fault;
    sfx_texts_licence(&session->artifact.index);
    print_string(&session->artifact.index, session->artifact.index.product.notices);
    return SFX_OK;
}

/* The version of sfxpack that made the file, or the installation this program lies in. */
enum sfx_error sfx_report_version(void)
{
    puts("sfxpack " SFX_RELEASE);
    return SFX_OK;
}

enum sfx_error sfx_report_installation(struct sfx_session *session, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int root = -1;
    SFX_CLEAN_STRING char *path = NULL;
    struct sfx_record record;
    (void)session;
    enum sfx_error error = sfx_installed_self(&path, &root, fault);
    if (!error)
        error = sfx_record_open(root, path, &record, fault);
    if (error)
        return error;
    print_product(&record.index, record.build);
    SFX_CLEAN_STRING char *prefix = sfx_os_native(record.prefix);
    SFX_CLEAN_STRING char *here = sfx_os_native(path);
    printf("prefix      %s\n", prefix ? prefix : "");
    printf("mode        %s\n", sfx_modes_name(record.modes));
    if (!sfx_os_same_path(record.prefix, path))
        printf("lies in     %s\n", here ? here : "");
    print_index(&record.index);
    sfx_texts_info(&record.index, "in " SFX_STATE_DIRECTORY "/LICENSE");
    sfx_record_close(&record);
    return SFX_OK;
}
