/* Printing to the console; see win32/stdio.h. */
#include "os_win32.h"

#undef fwrite
#include <io.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static HANDLE console_of(FILE *file)
{
    int number = file == stdout ? 1 : file == stderr ? 2 : 0;
    HANDLE handle = number ? sfx_win32_handle(number) : NULL;
    return handle && sfx_win32_is_console(handle) ? handle : NULL;
}

/* What is no UTF-8 comes from another program, in the code page of the console. */
bool sfx_win32_show(HANDLE console, const char *data, size_t size)
{
    DWORD put;
    int count = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, data, (int)size, NULL, 0);
    wchar_t *wide = count > 0 ? malloc((size_t)count * sizeof *wide) : NULL;
    if (!wide)
        return WriteFile(console, data, (DWORD)size, &put, NULL);
    MultiByteToWideChar(CP_UTF8, 0, data, (int)size, wide, count);
    bool done = true;
    for (int at = 0; done && at < count; at += (int)put)     /* long texts in parts (WriteConsole's documentation) */
        done = WriteConsoleW(console, wide + at, (DWORD)(count - at < 8000 ? count - at : 8000), &put, NULL) && put > 0;
    free(wide);
    return done;
}

size_t sfx_win32_fwrite(const void *data, size_t size, size_t count, FILE *file)
{
    HANDLE console = console_of(file);
    if (!console || size == 0)
        return fwrite(data, size, count, file);
    fflush(file);
    return sfx_win32_show(console, data, size * count) ? count : 0;
}

int sfx_win32_fputs(const char *text, FILE *file)
{
    size_t size = strlen(text);
    return size == 0 || sfx_win32_fwrite(text, 1, size, file) == size ? 0 : EOF;
}

int sfx_win32_fprintf(FILE *file, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!console_of(file)) {
        int written = vfprintf(file, format, arguments);
        va_end(arguments);
        return written;
    }
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (text) {
        vsnprintf(text, (size_t)size + 1, format, arguments);
        sfx_win32_fputs(text, file);
    }
    va_end(arguments);
    free(text);
    return text ? size : -1;
}
