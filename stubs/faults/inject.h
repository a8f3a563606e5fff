/* What shall happen to a call of the system; between inject.c, which knows, and calls.c, which does it. */
#ifndef SFX_FAULTS_INJECT_H
#define SFX_FAULTS_INJECT_H

#include <stdbool.h>

enum verdict { PASS, REFUSE, HALF, HALF_AND_DIE };
/* What happens to the next call of that name; errno is set if it fails. IS_ANY: it is one of those that `any` counts. */
enum verdict sfx_fault_ask(const char *call, bool is_any);
/* The same of a call that does all or nothing. */
bool sfx_fault_refuses(const char *call);
/* Into the log; gives RESULT and leaves errno. */
long sfx_fault_note(const char *call, long result, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
