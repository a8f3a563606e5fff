/* The part of os.h that reading an artifact needs, over bytes in memory: there is one file, whatever its path. */
#ifndef SFX_TEST_MEMORY_H
#define SFX_TEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

void memory_file(const uint8_t *data, size_t size);

#endif
