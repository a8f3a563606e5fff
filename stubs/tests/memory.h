/* The part of os.h that reading an artifact needs, over bytes in memory: the first file is called "". */
#ifndef SFX_TEST_MEMORY_H
#define SFX_TEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct memory_file {
    const uint8_t *data;                 /* NULL: it is missing */
    size_t size;
};

/* The first file and the parts of an artifact; GIVEN must live on. */
void memory_files(const struct memory_file *given, size_t count);

#endif
