/* Text that grows, and paths as text. */
#ifndef SFX_TEXT_H
#define SFX_TEXT_H

#include <stdlib.h>

#include "index.h"

/* Zero-initialised is empty; after an allocation that failed `failed` is set and nothing more is added. */
struct sfx_text {
    char *data;                          /* NUL-terminated, NULL while empty */
    size_t size;
    size_t room;
    bool failed;
};
void sfx_text_add(struct sfx_text *text, const void *bytes, size_t size);
void sfx_text_format(struct sfx_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `"..."` for JSON; bytes that are not UTF-8 become lone surrogates \udc80 .. \udcff, as Python's surrogateescape has them. */
void sfx_text_json(struct sfx_text *text, struct sfx_bytes bytes);
/* Two lower-case digits a byte. */
void sfx_text_hex(struct sfx_text *text, const uint8_t *bytes, size_t size);
/* A word of a command line, quoted where needed. */
void sfx_text_shell(struct sfx_text *text, const char *word);
/* Add what a file holds, at most MOST bytes; an errno, EFBIG if it is larger. */
int sfx_text_read_open(struct sfx_text *text, int fd, size_t most);
int sfx_text_read(struct sfx_text *text, int directory, const char *path, size_t most);
void sfx_text_free(struct sfx_text *text);

static inline void sfx_free_string(char **string)
{
    free(*string);
    *string = NULL;
}
#define SFX_CLEAN_STRING __attribute__((cleanup(sfx_free_string)))
#define SFX_CLEAN_TEXT __attribute__((cleanup(sfx_text_free)))

/* Where WANTED, which is not empty, first lies in DATA; NULL: nowhere. */
void *sfx_find_bytes(const void *data, size_t size, struct sfx_bytes wanted);
/* As printf, malloced; NULL without memory. */
char *sfx_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A copy with a NUL behind it; BUFFER has room for SFX_MAX_PATH + 1 bytes, which a checked path never exceeds. */
const char *sfx_path_copy(struct sfx_bytes path, char buffer[SFX_MAX_PATH + 1]);
struct sfx_bytes sfx_bytes_of(const char *string);

/* TYPED made absolute by the working directory; ".", "..", repeated and trailing slashes are taken out as text, links are not
 * followed. Malloced. Refused: empty, control characters, longer than SFX_MAX_PREFIX. */
enum sfx_error sfx_path_absolute(const char *typed, char **ret_path, struct sfx_fault *fault);
/* Of an absolute normalised path; the parent of "/x" is "/". Malloced, NULL without memory. */
char *sfx_path_parent(const char *path);
/* NAME in FOLDER, which may be a root; malloced, NULL without memory. */
char *sfx_path_join(const char *folder, const char *name);
const char *sfx_path_name(const char *path);
/* The nearest folder at or above PATH that exists (links followed); malloced, NULL without memory. */
char *sfx_path_existing(const char *path);
/* Whether an absolute normalised path lies below another one, by their letters alone, as sfx_os_same_path compares them. */
bool sfx_path_is_inside(const char *path, const char *folder);
/* Whether PATH, which need not exist, is or lies below FOLDER, a real path, whatever links lead there. Returns an errno. */
int sfx_path_leads_into(const char *path, const char *folder, bool *ret_into);
/* A shell pattern (`*` `?` `[...]`) against TEXT; `*` and `?` match `/` too. */
bool sfx_match(const char *pattern, struct sfx_bytes text);

#endif
