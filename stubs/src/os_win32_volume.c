/* What a file system is like on Windows; see os.h. Nothing is written. */
#include "os_win32.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FAT_LARGEST 0xffffffffu
#define BYTES_OF_UNIT 3u                 /* UTF-8 has at most so many for each unit of UTF-16 */

/* With the separator at the end that the API wants; malloced. */
static wchar_t *folder_path(const char *path)
{
    wchar_t *wide = sfx_win32_api_path(path);
    size_t size = wide ? wcslen(wide) : 0;
    wchar_t *longer = wide ? realloc(wide, (size + 2) * sizeof *wide) : NULL;
    if (!longer) {
        free(wide);
        return NULL;
    }
    if (longer[size - 1] != L'\\')
        wcscpy(longer + size, L"\\");
    return longer;
}

static bool look(const char *path, wchar_t ret_type[64], DWORD *ret_flags, DWORD *ret_longest)
{
    const struct sfx_win32_opening opening = {0, FILE_OPEN, 0};
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    return sfx_win32_open(SFX_OS_HERE, path, &opening, &handle) >= 0 &&
           GetVolumeInformationByHandleW(handle, NULL, 0, NULL, ret_longest, ret_flags, ret_type, 64);
}

/* What this user may still take: quotas are in it. */
int sfx_os_space(const char *path, struct sfx_os_space *ret_space)
{
    ULARGE_INTEGER mine;
    wchar_t type[64];
    DWORD sectors = 0, bytes = 0, unused_free, unused_all, flags = 0, longest;
    wchar_t *folder = folder_path(path);
    int error = folder ? sfx_win32_result(GetDiskFreeSpaceExW(folder, &mine, NULL, NULL)) : ENOMEM;
    bool sized = !error && GetDiskFreeSpaceW(folder, &sectors, &bytes, &unused_free, &unused_all) && sectors && bytes;
    free(folder);
    if (error)
        return error;
    bool known = look(path, type, &flags, &longest);
    *ret_space = (struct sfx_os_space){
        .free_bytes = mine.QuadPart,
        .block_size = sized ? (uint64_t)sectors * bytes : 4096,
        .free_inodes = UINT64_MAX,
        .read_only = known && (flags & FILE_READ_ONLY_VOLUME) != 0,
    };
    return 0;
}

void sfx_os_volume(const char *path, struct sfx_os_volume *ret_volume)
{
    wchar_t type[64] = L"";
    DWORD flags = 0, longest = 0;
    *ret_volume = (struct sfx_os_volume){.ignores_case = true, .is_strict = true, .longest_name = 255 * BYTES_OF_UNIT, .largest_file = UINT64_MAX};
    if (!look(path, type, &flags, &longest))
        return;
    if (longest > 0)
        ret_volume->longest_name = (size_t)longest * BYTES_OF_UNIT;
    bool is_fat = wcscmp(type, L"FAT32") == 0 || wcscmp(type, L"FAT") == 0;
    ret_volume->is_fat = is_fat || wcscmp(type, L"exFAT") == 0;
    if (is_fat)
        ret_volume->largest_file = FAT_LARGEST;
}

void sfx_os_quota(const char *path, struct sfx_os_quota *ret_quota)
{
    (void)path;
    *ret_quota = (struct sfx_os_quota){UINT64_MAX, UINT64_MAX};
}

static bool allows(const char *path, ACCESS_MASK access)
{
    const struct sfx_win32_opening opening = {access, FILE_OPEN, FILE_DIRECTORY_FILE};
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    return sfx_win32_open(SFX_OS_HERE, path, &opening, &handle) >= 0;
}

bool sfx_os_is_writable(const char *path)
{
    return allows(path, FILE_ADD_FILE | FILE_ADD_SUBDIRECTORY);
}

/* All that users may do in the root of the system's drive. */
bool sfx_os_adds_folders(const char *path)
{
    return allows(path, FILE_ADD_SUBDIRECTORY);
}
