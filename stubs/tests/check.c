#include "check.h"

#include <stdio.h>

static unsigned failures;
static unsigned checks;

void check(bool is_right, const char *name, const char *what)
{
    checks++;
    if (!is_right) {
        failures++;
        fprintf(stderr, "%s: %s\n", name, what);
    }
}

int check_end(void)
{
    printf("%u checks, %u failures\n", checks, failures);
    return failures != 0;
}
