/* Worker threads over numbered items, taken in order. */
#ifndef SFX_POOL_H
#define SFX_POOL_H

#include "fault.h"

struct sfx_work {
    uint32_t count;                      /* items 0 .. count - 1 */
    unsigned workers;                    /* at least 1 */
    void *context;
    /* What one worker keeps from item to item; NULL from `enter` means no memory. */
    void *(*enter)(void *context);
    void (*leave)(void *worker);
    enum sfx_error (*run)(void *context, void *worker, uint32_t at, struct sfx_fault *fault);
    /* A barrier: item AT starts when this many items, all before it, have ended. NULL: no barriers. */
    uint32_t (*after)(void *context, uint32_t at);
    /* In the calling thread, about ten times a second and once at the end. NULL: not wanted. */
    void (*tick)(void *context);
};

/* Run all items; blocks until every worker has left. After the first failure or a signal no further item starts; that first
 * failure is the result. */
enum sfx_error sfx_pool_run(const struct sfx_work *work, struct sfx_fault *fault);
/* SFX_ERROR_INTERRUPTED once a signal has come, for those who work long on one item. */
enum sfx_error sfx_check_interrupted(struct sfx_fault *fault);

#endif
