/* The stub, for file systems and quotas that the machine of the tests has not: the variables below say what they are. */
#include <stdlib.h>
#include <string.h>

#include "main.c"

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

void sfx_os_volume(const char *path, struct sfx_os_volume *ret_volume)
{
    (void)path;
    bool is_fat = getenv("SFX_TEST_FAT") != NULL;
    *ret_volume = (struct sfx_os_volume){
        .ignores_case = is_fat || getenv("SFX_TEST_IGNORES_CASE") != NULL,
        .is_fat = is_fat,
        .is_strict = is_fat,
        .longest_name = number("SFX_TEST_LONGEST_NAME", 255),
        .largest_file = number("SFX_TEST_LARGEST_FILE", UINT64_MAX),
    };
}

void sfx_os_quota(const char *path, struct sfx_os_quota *ret_quota)
{
    (void)path;
    *ret_quota = (struct sfx_os_quota){
        .bytes = number("SFX_TEST_QUOTA_BYTES", UINT64_MAX),
        .inodes = number("SFX_TEST_QUOTA_INODES", UINT64_MAX),
    };
}
