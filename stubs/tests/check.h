/* Counting what a test program finds. */
#ifndef SFX_TEST_CHECK_H
#define SFX_TEST_CHECK_H

#include <stdbool.h>

/* Say WHAT is wrong with NAME unless IS_RIGHT. */
void check(bool is_right, const char *name, const char *what);
/* Print the counts; the program's exit status. */
int check_end(void);

#endif
