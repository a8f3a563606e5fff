/* Names on Windows: looking, making, renaming, removing; see os.h. Links are in os_win32_links.c.
 *
 * Renaming and removing go by POSIX semantics where the file system has them (NTFS since Windows 10): a name is gone at once,
 * though the file is still open elsewhere. Where not, the older calls do it, and a name goes with the last handle. */
#include "os_win32.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH 116444736000000000ull      /* 1970 in units of 100 ns since 1601 */
#define UNITS 10000000ull

/* Information classes of the kernel (ntifs.h). */
#define CLASS_RENAME ((FILE_INFORMATION_CLASS)10)
#define CLASS_LINK ((FILE_INFORMATION_CLASS)11)
#define CLASS_DISPOSITION ((FILE_INFORMATION_CLASS)13)
#define CLASS_DISPOSITION_EX ((FILE_INFORMATION_CLASS)64)
#define CLASS_RENAME_EX ((FILE_INFORMATION_CLASS)65)

struct disposition_ex { ULONG flags; };
#define DISPOSITION_FLAGS (0x01u | 0x02u | 0x10u)            /* delete, POSIX semantics, also if read-only */

/* Of renames and of hard links, both forms. */
struct rename {
    union { BOOLEAN replaces; ULONG flags; } how;
    HANDLE root;
    ULONG size;
    wchar_t name[];
};
#define RENAME_REPLACES 0x01u
#define RENAME_POSIX 0x02u
#define RENAME_READ_ONLY 0x40u

/* ---- Looking ---- */

static uint64_t seconds_of(FILETIME time)
{
    uint64_t units = (uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime;
    return units < EPOCH ? 0 : (units - EPOCH) / UNITS;
}

/* There are no modes: everything may be read and run, and written unless it has the read-only attribute. */
static int stat_handle(HANDLE handle, struct sfx_os_stat *ret_stat)
{
    BY_HANDLE_FILE_INFORMATION found;
    FILE_ATTRIBUTE_TAG_INFO tag = {0, 0};
    if (!GetFileInformationByHandle(handle, &found))
        return sfx_win32_errno(GetLastError());
    DWORD attributes = found.dwFileAttributes;
    if (attributes & FILE_ATTRIBUTE_REPARSE_POINT)
        GetFileInformationByHandleEx(handle, FileAttributeTagInfo, &tag, sizeof tag);
    bool is_link = tag.ReparseTag != 0 && IsReparseTagNameSurrogate(tag.ReparseTag);
    *ret_stat = (struct sfx_os_stat){
        .kind = is_link ? SFX_OS_LINK : attributes & FILE_ATTRIBUTE_DIRECTORY ? SFX_OS_FOLDER : SFX_OS_FILE,
        .mode = attributes & FILE_ATTRIBUTE_READONLY && !(attributes & FILE_ATTRIBUTE_DIRECTORY) ? 0555 : 0755,
        .size = (uint64_t)found.nFileSizeHigh << 32 | found.nFileSizeLow,
        .mtime = seconds_of(found.ftLastWriteTime),
        .device = found.dwVolumeSerialNumber,
        .inode = (uint64_t)found.nFileIndexHigh << 32 | found.nFileIndexLow,
        .links = found.nNumberOfLinks,
    };
    return 0;
}

static int open_itself(int directory, const char *path, ACCESS_MASK access, ULONG options, HANDLE *ret_handle)
{
    const struct sfx_win32_opening opening = {access, FILE_OPEN, options | FILE_OPEN_REPARSE_POINT};
    return sfx_win32_status(sfx_win32_open(directory, path, &opening, ret_handle));
}

int sfx_os_stat(int directory, const char *path, struct sfx_os_stat *ret_stat)
{
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    int error = open_itself(directory, path, 0, 0, &handle);
    return error ? error : stat_handle(handle, ret_stat);
}

int sfx_os_stat_fd(int fd, struct sfx_os_stat *ret_stat)
{
    return stat_handle(sfx_win32_handle(fd), ret_stat);
}

/* A volume in a folder is a reparse point, which counts as a link. */
bool sfx_os_is_mount_point(int fd)
{
    (void)fd;
    return false;
}

/* ---- Times and modes ---- */

int sfx_os_set_time(int fd, uint64_t mtime)
{
    FILE_BASIC_INFO info = {.LastWriteTime.QuadPart = (LONGLONG)(mtime * UNITS + EPOCH)};    /* 0: as it is */
    return sfx_win32_result(SetFileInformationByHandle(sfx_win32_handle(fd), FileBasicInfo, &info, sizeof info));
}

int sfx_os_set_time_at(int directory, const char *path, uint64_t mtime)
{
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    int error = open_itself(directory, path, FILE_WRITE_ATTRIBUTES, 0, &handle);
    return error ? error : sfx_os_set_time(sfx_win32_fd(handle), mtime);
}

bool sfx_os_has_modes(void)
{
    return false;
}

int sfx_os_set_mode(int fd, uint32_t mode)
{
    (void)fd;
    (void)mode;
    return 0;
}

int sfx_os_set_mode_at(int directory, const char *path, uint32_t mode)
{
    (void)directory;
    (void)path;
    (void)mode;
    return 0;
}

/* Rights come from the folder. */
int sfx_os_copy_attributes(int from, int to)
{
    FILE_BASIC_INFO info;
    if (!GetFileInformationByHandleEx(sfx_win32_handle(from), FileBasicInfo, &info, sizeof info))
        return sfx_win32_errno(GetLastError());
    info.FileAttributes &= FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_ARCHIVE |
                           FILE_ATTRIBUTE_NOT_CONTENT_INDEXED;
    if (info.FileAttributes == 0)
        info.FileAttributes = FILE_ATTRIBUTE_NORMAL;
    return sfx_win32_result(SetFileInformationByHandle(sfx_win32_handle(to), FileBasicInfo, &info, sizeof info));
}

/* ---- Making and removing ---- */

int sfx_os_make_directory(int directory, const char *path, uint32_t mode)
{
    const struct sfx_win32_opening opening = {FILE_LIST_DIRECTORY, FILE_CREATE, FILE_DIRECTORY_FILE};
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    (void)mode;
    return sfx_win32_status(sfx_win32_open(directory, path, &opening, &handle));
}

static bool is_missing(NTSTATUS status)
{
    return status == (NTSTATUS)0xC0000003u || status == (NTSTATUS)0xC000000Du || status == (NTSTATUS)0xC0000010u ||
           status == (NTSTATUS)0xC00000BBu || status == (NTSTATUS)0xC0000002u;       /* class, parameter, request, support */
}

static void make_writable(HANDLE handle)
{
    FILE_BASIC_INFO info;
    if (!GetFileInformationByHandleEx(handle, FileBasicInfo, &info, sizeof info) || !(info.FileAttributes & FILE_ATTRIBUTE_READONLY))
        return;
    FILE_BASIC_INFO plain = {.FileAttributes = info.FileAttributes & ~(DWORD)FILE_ATTRIBUTE_READONLY};
    if (plain.FileAttributes == 0)
        plain.FileAttributes = FILE_ATTRIBUTE_NORMAL;
    SetFileInformationByHandle(handle, FileBasicInfo, &plain, sizeof plain);
}

static NTSTATUS mark_deleted(HANDLE handle)
{
    struct disposition_ex flags = {DISPOSITION_FLAGS};
    FILE_DISPOSITION_INFO deletes = {TRUE};
    IO_STATUS_BLOCK block;
    NTSTATUS status = NtSetInformationFile(handle, &block, &flags, sizeof flags, CLASS_DISPOSITION_EX);
    if (!is_missing(status))
        return status;
    make_writable(handle);
    return NtSetInformationFile(handle, &block, &deletes, sizeof deletes, CLASS_DISPOSITION);
}

static int remove_open(HANDLE handle)
{
    unsigned waited = 0;
    NTSTATUS status;
    do {
        status = mark_deleted(handle);
    } while (status < 0 && sfx_win32_waits(status, false, &waited));
    return sfx_win32_status(status);
}

/* For the older call a read-only file is to be changed first; who may delete may not always do that. */
static int open_to_remove(int directory, const char *path, ULONG options, HANDLE *ret_handle)
{
    int error = open_itself(directory, path, DELETE | FILE_WRITE_ATTRIBUTES, options, ret_handle);
    return error == EACCES ? open_itself(directory, path, DELETE, options, ret_handle) : error;
}

int sfx_os_unlink(int directory, const char *path)
{
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    struct sfx_os_stat found;
    int error = open_to_remove(directory, path, FILE_NON_DIRECTORY_FILE, &handle);
    if (error == EISDIR) {               /* or a link to a folder */
        error = open_to_remove(directory, path, 0, &handle);
        if (!error)
            error = stat_handle(handle, &found);
        if (!error && found.kind == SFX_OS_FOLDER)
            error = EISDIR;
    }
    return error ? error : remove_open(handle);
}

int sfx_os_remove_directory(int directory, const char *path)
{
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    struct sfx_os_stat found;
    int error = open_to_remove(directory, path, FILE_DIRECTORY_FILE, &handle);
    if (!error)
        error = stat_handle(handle, &found);
    if (!error && found.kind != SFX_OS_FOLDER)
        error = ENOTDIR;
    return error ? error : remove_open(handle);
}

/* ---- Renaming ---- */

static NTSTATUS set_name(HANDLE handle, struct rename *rename, size_t size, FILE_INFORMATION_CLASS class)
{
    IO_STATUS_BLOCK block;
    return NtSetInformationFile(handle, &block, rename, (ULONG)size, class);
}

static NTSTATUS rename_open(HANDLE handle, struct rename *rename, size_t size, bool replaces)
{
    rename->how.flags = RENAME_POSIX | (replaces ? RENAME_REPLACES | RENAME_READ_ONLY : 0u);
    NTSTATUS status = set_name(handle, rename, size, CLASS_RENAME_EX);
    if (!is_missing(status))
        return status;
    rename->how.flags = 0;
    rename->how.replaces = replaces;
    return set_name(handle, rename, size, CLASS_RENAME);
}

static int make_rename(int directory, const char *path, struct rename **ret_rename, size_t *ret_size)
{
    SFX_CLEAN_NAME struct sfx_win32_name name = {NULL, NULL, 0};
    int error = sfx_win32_name(directory, path, &name);
    if (error)
        return error;
    size_t bytes = name.length * sizeof(wchar_t);
    *ret_size = sizeof(struct rename) + bytes + sizeof(wchar_t);
    *ret_rename = calloc(1, *ret_size);
    if (!*ret_rename)
        return ENOMEM;
    (*ret_rename)->root = name.root;
    (*ret_rename)->size = (ULONG)bytes;
    memcpy((*ret_rename)->name, name.text, bytes);
    return 0;
}

static bool is_folder(HANDLE handle)
{
    struct sfx_os_stat found;
    return stat_handle(handle, &found) == 0 && found.kind == SFX_OS_FOLDER;
}

int sfx_os_rename(int from_directory, const char *from, int directory, const char *path, enum sfx_os_rename how)
{
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    struct rename *rename = NULL;
    size_t size = 0;
    unsigned waited = 0;
    NTSTATUS status;
    if (how == SFX_OS_EXCHANGE)
        return ENOSYS;
    int error = open_itself(from_directory, from, DELETE, 0, &handle);
    if (!error)
        error = make_rename(directory, path, &rename, &size);
    if (error)
        return error;
    bool replaces = how == SFX_OS_REPLACE && !is_folder(handle);             /* no folder replaces anything here */
    do {
        status = rename_open(handle, rename, size, replaces);
    } while (status < 0 && sfx_win32_waits(status, true, &waited));
    free(rename);
    return waited > 0 && status < 0 ? EBUSY : sfx_win32_status(status);      /* it could be opened, so rights are not what is missing */
}

int sfx_os_hard_link(int from_directory, const char *from, int directory, const char *path)
{
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    struct rename *link = NULL;
    size_t size = 0;
    int error = open_itself(from_directory, from, FILE_WRITE_ATTRIBUTES, FILE_NON_DIRECTORY_FILE, &handle);
    if (!error)
        error = make_rename(directory, path, &link, &size);
    if (!error)
        error = sfx_win32_status(set_name(handle, link, size, CLASS_LINK));
    free(link);
    return error;
}

/* ---- Listing ---- */

struct listing {
    char *names;
    size_t size;
    size_t room;
    size_t count;
};

static int append_name(struct listing *listing, const FILE_ID_BOTH_DIR_INFO *item)
{
    size_t length = item->FileNameLength / sizeof(wchar_t);
    if (item->FileName[0] == L'.' && (length == 1 || (length == 2 && item->FileName[1] == L'.')))
        return 0;
    char *name = sfx_win32_narrow(item->FileName, length);
    size_t size = name ? strlen(name) + 1 : 0;
    if (name && listing->size + size > listing->room) {
        size_t larger = (listing->room + size) * 2;
        char *grown = realloc(listing->names, larger);
        listing->names = grown ? grown : listing->names;
        listing->room = grown ? larger : listing->room;
    }
    bool fits = name && listing->size + size <= listing->room;
    if (fits) {
        memcpy(listing->names + listing->size, name, size);
        listing->size += size;
        listing->count++;
    }
    free(name);
    return fits ? 0 : ENOMEM;
}

static int list_open(HANDLE handle, struct listing *listing)
{
    _Alignas(8) uint8_t buffer[32768];
    FILE_INFO_BY_HANDLE_CLASS class = FileIdBothDirectoryRestartInfo;
    while (GetFileInformationByHandleEx(handle, class, buffer, sizeof buffer)) {
        const uint8_t *at = buffer;
        for (;;) {
            const FILE_ID_BOTH_DIR_INFO *item = (const void *)at;
            int error = append_name(listing, item);
            if (error)
                return error;
            if (item->NextEntryOffset == 0)
                break;
            at += item->NextEntryOffset;
        }
        class = FileIdBothDirectoryInfo;
    }
    DWORD error = GetLastError();
    return error == ERROR_NO_MORE_FILES || error == ERROR_FILE_NOT_FOUND ? 0 : sfx_win32_errno(error);
}

int sfx_os_list(int directory, char **ret_names, size_t *ret_count)
{
    const struct sfx_win32_opening opening = {FILE_LIST_DIRECTORY, FILE_OPEN, FILE_DIRECTORY_FILE};
    SFX_CLEAN_HANDLE HANDLE handle = NULL;
    struct listing listing = {NULL, 0, 0, 0};
    int error = sfx_win32_status(sfx_win32_open(directory, "", &opening, &handle));
    if (!error)
        error = list_open(handle, &listing);
    if (error) {
        free(listing.names);
        listing = (struct listing){NULL, 0, 0, 0};
    }
    *ret_names = listing.names;
    *ret_count = listing.count;
    return error;
}
