/* The lock of one prefix: a file made exclusively that says who holds it. No lock of the system is used: on network file
 * systems these hang or do nothing. */
#ifndef SFX_LOCK_H
#define SFX_LOCK_H

#include "fault.h"

struct sfx_lock_request {
    int directory;                       /* open; < 0: it is gone, ENOENT */
    const char *shown;                   /* its path */
    const char *name;                    /* of the lock in it */
    bool break_it;                       /* take it over from another machine too */
    void *context;
    void (*waits)(void *context, const char *holder);        /* called once if it has to wait; NULL: not wanted */
};

struct sfx_holding;
struct sfx_lock {
    struct sfx_holding *holding;         /* NULL: not held */
};

/* Waits while the holder is alive: on this machine its process decides, on another one whether it goes on renewing the time
 * of the file. Who died here loses the lock. SFX_ERROR_LOCKED: nothing is known of a holder elsewhere. */
enum sfx_error sfx_lock_take(const struct sfx_lock_request *request, struct sfx_lock *ret_lock, struct sfx_fault *fault);
void sfx_lock_release(struct sfx_lock *lock);
/* Whether FOUND is the lock NAME, or something that a taker of it leaves when it is killed. */
bool sfx_lock_is_name(const char *name, const char *found);

#endif
