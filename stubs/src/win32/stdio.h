/* What is printed reaches the console as Unicode: the C library would write single bytes, in the console's own code page. Included
 * before every other file of the stub for Windows (targets.toml). */
#ifndef SFX_WIN32_STDIO_H
#define SFX_WIN32_STDIO_H

#include <stdio.h>

int sfx_win32_fprintf(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
int sfx_win32_fputs(const char *text, FILE *file);
size_t sfx_win32_fwrite(const void *data, size_t size, size_t count, FILE *file);

#define printf(...) sfx_win32_fprintf(stdout, __VA_ARGS__)
#define fprintf(...) sfx_win32_fprintf(__VA_ARGS__)
#define fputs(text, file) sfx_win32_fputs(text, file)
#define puts(text) sfx_win32_fprintf(stdout, "%s\n", text)
#define fputc(byte, file) sfx_win32_fprintf(file, "%c", byte)
#define fwrite(data, size, count, file) sfx_win32_fwrite(data, size, count, file)

#endif
