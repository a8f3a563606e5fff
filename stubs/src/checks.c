/* The checks of machine and prefix, one function each; see checks.h. */
#include "checks.h"

#include <stdio.h>

#include "libc.h"
#include "os.h"
#include "session.h"

/* ---- Machine ---- */

static void check_system(enum sfx_platform platform, struct sfx_checks *checks)
{
    char system[64];
    char machine[64];
    const char *wanted = sfx_platform_label((uint16_t)platform);
    sfx_os_machine(system, machine);
    SFX_CLEAN_STRING char *here = sfx_print("%s-%s", system, machine);
    if (!here || strcmp(here, wanted) == 0)
        sfx_check_add(checks, SFX_CHECK_SYSTEM, SFX_CHECK_OK, "%s", wanted);
    else if (strncmp(wanted, system, strlen(system)) == 0 && wanted[strlen(system)] == '-')
        sfx_check_fail(checks, SFX_CHECK_SYSTEM, SFX_ERROR_SYSTEM, "this installer is for %s; this machine is %s", wanted,
                      machine);
    else
        sfx_check_fail(checks, SFX_CHECK_SYSTEM, SFX_ERROR_SYSTEM, "this installer is for %s; this system is %s", wanted,
                      here);
}

/* What a requirement that is not met means. */
static void unmet(struct sfx_checks *checks, enum sfx_check_name name, const struct sfx_index *index,
                  const struct sfx_requirement *requirement, const char *needs, const char *has)
{
    struct sfx_bytes path = sfx_index_string(index, requirement->path);
    bool hard = (requirement->flags & SFX_REQUIREMENT_FLAG_HARD) != 0;
    if (hard)
        sfx_check_fail(checks, name, SFX_ERROR_SYSTEM, "%.*s needs %s; this machine has %s",
                      SFX_TEXT(path), needs, has);
    else
        sfx_check_add(checks, name, SFX_CHECK_WARNING, "%.*s will not work: it needs %s; this machine has %s",
                      SFX_TEXT(path), needs, has);
}

static void check_glibc(const struct sfx_index *index, const struct sfx_requirement *requirement, const struct sfx_libc *libc,
                        struct sfx_checks *checks)
{
    char needs[64];
    char has[64];
    snprintf(needs, sizeof needs, "the GNU C library %u.%u", requirement->value >> 16, requirement->value & 0xffff);
    if (libc->glibc)
        snprintf(has, sizeof has, "%u.%u", libc->glibc >> 16, libc->glibc & 0xffff);
    else
        snprintf(has, sizeof has, "%s", libc->has_musl ? "musl only" : "none where it is looked for");
    if (libc->glibc >= requirement->value)
        sfx_check_add(checks, SFX_CHECK_C_LIBRARY, SFX_CHECK_OK, "needs %u.%u, has %s", requirement->value >> 16,
                      requirement->value & 0xffff, has);
    else
        unmet(checks, SFX_CHECK_C_LIBRARY, index, requirement, needs, has);
}

static void check_musl(const struct sfx_index *index, const struct sfx_requirement *requirement, const struct sfx_libc *libc,
                       struct sfx_checks *checks)
{
    static const char has[] = "no loader of it in /lib";
    if (libc->has_musl)
        sfx_check_add(checks, SFX_CHECK_C_LIBRARY, SFX_CHECK_OK, "needs musl, which is there");
    else
        unmet(checks, SFX_CHECK_C_LIBRARY, index, requirement, "the C library musl", libc->glibc ? "the GNU C library only" : has);
}

static void check_cpu(const struct sfx_index *index, const struct sfx_requirement *requirement, struct sfx_checks *checks)
{
    char needs[64];
    char has[64];
    int level = sfx_os_cpu_level();
    snprintf(needs, sizeof needs, "a processor of level x86-64-v%u", requirement->value);
    snprintf(has, sizeof has, "level x86-64-v%d", level);
    if (level == 0)
        sfx_check_add(checks, SFX_CHECK_PROCESSOR, SFX_CHECK_WARNING, "needs %s; what this machine has cannot be found out", needs);
    else if ((uint32_t)level >= requirement->value)
        sfx_check_add(checks, SFX_CHECK_PROCESSOR, SFX_CHECK_OK, "needs %s, has %s", needs, has);
    else
        unmet(checks, SFX_CHECK_PROCESSOR, index, requirement, needs, has);
}

void sfx_check_machine(const struct sfx_artifact *artifact, struct sfx_checks *checks)
{
    enum sfx_platform platform = (enum sfx_platform)artifact->locator.platform;
    const struct sfx_index *index = &artifact->index;
    struct sfx_libc libc;
    check_system(platform, checks);
    if (checks->list[0].outcome != SFX_CHECK_OK)
        return;                          /* what follows would be about another machine */
    sfx_libc_find(platform, &libc);
    for (uint32_t i = 0; i < index->header.requirement_count; i++) {
        struct sfx_requirement requirement = sfx_index_requirement(index, i);
        if (requirement.kind == SFX_REQUIREMENT_KIND_GLIBC)
            check_glibc(index, &requirement, &libc, checks);
        else if (requirement.kind == SFX_REQUIREMENT_KIND_MUSL)
            check_musl(index, &requirement, &libc, checks);
        else
            check_cpu(index, &requirement, checks);
    }
}

/* ---- Prefix ---- */

static void check_limit(const struct sfx_index *index, size_t size, struct sfx_checks *checks)
{
    uint32_t limit = index->product.prefix_limit;
    bool condas;
    struct sfx_bytes path = sfx_index_limiting(index, &condas);
    if (limit == SFX_NO_LIMIT)
        sfx_check_add(checks, SFX_CHECK_PREFIX_LENGTH, SFX_CHECK_OK, "%zu bytes, no limit", size);
    else if (size <= limit)
        sfx_check_add(checks, SFX_CHECK_PREFIX_LENGTH, SFX_CHECK_OK, "%zu bytes of %u", size, limit);
    else
        sfx_check_fail(checks, SFX_CHECK_PREFIX_LENGTH, SFX_ERROR_LONG,
                      "the prefix has %zu bytes and may have %u, the most %.*s allows; choose a shorter one%s",
                      size, limit, path.size ? (int)path.size : 12, path.size ? (const char *)path.data : "its contents",
                      condas ? "" : ", or have the environment built at a longer path and packed there");
}

/* Of UTF-16. */
static size_t count_characters(struct sfx_bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += (text.data[i] & 0xc0) != 0x80 ? 1u + (text.data[i] >= 0xf0) : 0u;
    return count;
}

static void check_paths(const struct sfx_index *index, const char *prefix, struct sfx_checks *checks)
{
    size_t size = strlen(prefix);
    size_t common = sfx_os_common_path();
    struct sfx_bytes longest = {NULL, 0};
    struct sfx_bytes widest = {NULL, 0};     /* by characters, where they count */
    size_t most = 0;
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        struct sfx_bytes path = sfx_index_string(index, sfx_index_entry(index, i).path);
        longest = path.size > longest.size ? path : longest;
        size_t characters = common == SIZE_MAX ? 0 : count_characters(path);
        widest = characters > most ? path : widest;
        most = characters > most ? characters : most;
    }
    most += count_characters(sfx_bytes_of(prefix)) + 1;
    if (size + 1 + longest.size > SFX_MAX_PATH)
        sfx_check_fail(checks, SFX_CHECK_LONGEST_PATH, SFX_ERROR_LONG,
                      "%.*s would get a path of %zu bytes, more than the %u a system takes; choose a shorter prefix",
                      (int)(longest.size < 256 ? longest.size : 256), (const char *)longest.data, size + 1 + longest.size,
                      SFX_MAX_PATH);
    else if (most > common)
        sfx_check_add(checks, SFX_CHECK_LONGEST_PATH, SFX_CHECK_WARNING,
                      "%.*s gets a path of %zu characters; here most programs take %zu, so some may not find it; choose a shorter prefix, "
                      "or let an administrator set LongPathsEnabled", (int)(widest.size < 256 ? widest.size : 256),
                      (const char *)widest.data, most, common);
    else
        sfx_check_add(checks, SFX_CHECK_LONGEST_PATH, SFX_CHECK_OK, "%zu bytes", size + 1 + longest.size);
}

static bool is_unquoted(const struct sfx_site *site, size_t size)
{
    (void)size;
    return site->flags & SFX_SITE_FLAG_UNQUOTED;
}

/* Also true for a prefix beyond ASCII that just fits a wide site. */
static bool is_too_short(const struct sfx_site *site, size_t size)
{
    return site->flags & SFX_SITE_FLAG_SOFT && site->span / sfx_encoding_unit(site->encoding) < size;
}

/* Bytes of the prefix that an entry is rendered for, where the whole installation's has SIZE. */
static size_t own_size(const struct sfx_index *index, uint32_t entry, size_t size)
{
    for (uint32_t i = 0; i < index->header.tree_count; i++) {
        const struct sfx_entry_range *tree = &index->trees[i];
        if (entry >= tree->first && entry < tree->end)
            return size + 1 + sfx_index_entry(index, tree->first).path.size;
    }
    return size;
}

static bool has_site(const struct sfx_index *index, uint32_t entry, size_t size,
                     bool (*is_wanted)(const struct sfx_site *site, size_t size))
{
    for (uint32_t i = index->entry_site[entry]; i < index->entry_site[entry + 1]; i++) {
        struct sfx_site site = sfx_index_site(index, i);
        if (is_wanted(&site, own_size(index, entry, size)))
            return true;
    }
    return false;
}

/* The number of files with such a site; RET_NAMES: the first three, and dots if there are more. */
static uint32_t name_files(const struct sfx_index *index, size_t size,
                           bool (*is_wanted)(const struct sfx_site *site, size_t size), struct sfx_text *ret_names)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        struct sfx_bytes path = sfx_index_string(index, sfx_index_entry(index, i).path);
        if (has_site(index, i, size, is_wanted) && ++found <= 3)
            sfx_text_format(ret_names, "%s%.*s", found > 1 ? ", " : "", SFX_TEXT(path));
    }
    sfx_text_format(ret_names, "%s", found > 3 ? ", ..." : "");
    return found;
}

static void check_quoting(const struct sfx_index *index, const char *prefix, struct sfx_checks *checks)
{
    SFX_CLEAN_TEXT struct sfx_text names = {0};
    if (!strpbrk(prefix, " \"'\\$`&;|<>()*?[]#"))
        return;
    uint32_t found = name_files(index, 0, is_unquoted, &names);
    if (found > 0)
        sfx_check_add(checks, SFX_CHECK_QUOTING, SFX_CHECK_WARNING,
                      "the prefix has blanks or special characters, which may break %u file%s: %s", found, found > 1 ? "s" : "",
                      names.data ? names.data : "");
}

static void check_divider(const char *prefix, struct sfx_checks *checks)
{
    if (strchr(prefix, sfx_os_divider) != NULL)
        sfx_check_add(checks, SFX_CHECK_SEARCH_PATHS, SFX_CHECK_WARNING,
                      "the prefix has a %s, which divides search paths such as PATH: programs are only found by their "
                      "full names; better choose another prefix", sfx_os_divider == ':' ? "colon" : "semicolon");
}

/* No warning: most are what nobody reads, such as the path compiled into a Python that finds itself. */
static void check_data(const struct sfx_index *index, size_t size, struct sfx_checks *checks)
{
    SFX_CLEAN_TEXT struct sfx_text names = {0};
    uint32_t found = name_files(index, size, is_too_short, &names);
    if (found == 0)
        sfx_check_add(checks, SFX_CHECK_PATHS_IN_DATA, SFX_CHECK_OK, "all fit");
    else
        sfx_check_add(checks, SFX_CHECK_PATHS_IN_DATA, SFX_CHECK_OK, "left blank in %u file%s, too short for the prefix: %s",
                      found, found > 1 ? "s" : "", names.data ? names.data : "");
}

void sfx_check_prefix(const struct sfx_index *index, const char *prefix, struct sfx_checks *checks)
{
    check_limit(index, strlen(prefix), checks);
    check_paths(index, prefix, checks);
    check_data(index, strlen(prefix), checks);
    check_quoting(index, prefix, checks);
    check_divider(prefix, checks);
}
