/* Worker threads over numbered items; see pool.h. */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "os.h"
#include "parts.h"

#define MAX_WORKERS 256u
#define STACK_SIZE (1024u * 1024u)       /* musl's default of 128 KB is too small for a few buffers and paths */
#define TICK_MILLISECONDS 100
#define DESCRIPTORS_BESIDES (16u + SFX_PARTS_KEPT)   /* standard streams, artifact, folders, lock, log */
#define DESCRIPTORS_OF_WORKER 3u         /* the file that is read, the one that is written, one that a value is derived from */

struct pool {
    const struct sfx_work *work;
    pthread_mutex_t lock;
    pthread_cond_t changed;              /* an item has ended */
    pthread_cond_t left;                 /* a worker has left: apart, or every item would wake the calling thread */
    uint32_t next;
    uint32_t ended;
    unsigned running;
    bool failed;
    struct sfx_fault fault;              /* of the first failure */
};

enum sfx_error sfx_check_interrupted(struct sfx_fault *fault)
{
    int number = sfx_os_interrupted();
    if (!number)
        return SFX_OK;
    enum sfx_error error = sfx_fail(fault, SFX_ERROR_INTERRUPTED, "interrupted; nothing is left behind");
    fault->os_error = number;
    return error;
}

/* The next item for a worker, or false when there is none for it any more. Called and left with the lock held. */
static bool take(struct pool *pool, uint32_t *ret_at)
{
    const struct sfx_work *work = pool->work;
    if (pool->failed || pool->next >= work->count)
        return false;
    uint32_t at = pool->next++;
    uint32_t before = work->after ? work->after(work->context, at) : 0;
    while (pool->ended < before && !pool->failed)
        pthread_cond_wait(&pool->changed, &pool->lock);
    *ret_at = at;
    return !pool->failed;
}

static void record(struct pool *pool, const struct sfx_fault *fault)
{
    if (!pool->failed)
        pool->fault = *fault;
    pool->failed = true;
}

/* Items until there are none left; called and left with the lock held. */
static void work_on(struct pool *pool, void *state)
{
    const struct sfx_work *work = pool->work;
    struct sfx_fault fault = {0};
    uint32_t at;
    while (take(pool, &at)) {
        pthread_mutex_unlock(&pool->lock);
        enum sfx_error error = sfx_check_interrupted(&fault);
        if (!error)
            error = work->run(work->context, state, at, &fault);
        pthread_mutex_lock(&pool->lock);
        if (error)
            record(pool, &fault);
        pool->ended++;
        pthread_cond_broadcast(&pool->changed);
    }
}

static void *worker(void *argument)
{
    struct pool *pool = argument;
    void *state = pool->work->enter(pool->work->context);
    pthread_mutex_lock(&pool->lock);
    if (state) {                         /* else there is no memory for one more, and the others do it all */
        work_on(pool, state);
        pthread_mutex_unlock(&pool->lock);
        pool->work->leave(state);
        pthread_mutex_lock(&pool->lock);
    }
    pool->running--;
    pthread_cond_signal(&pool->left);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Until all workers have left, with a tick now and then. */
static void watch(struct pool *pool)
{
    uint64_t next = sfx_os_milliseconds() + TICK_MILLISECONDS;
    pthread_mutex_lock(&pool->lock);
    while (pool->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TICK_MILLISECONDS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&pool->left, &pool->lock, &until);
        if (!pool->work->tick || sfx_os_milliseconds() < next)
            continue;
        next = sfx_os_milliseconds() + TICK_MILLISECONDS;
        pthread_mutex_unlock(&pool->lock);
        pool->work->tick(pool->work->context);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* Start the workers; fewer than wanted will do, none is a failure. Returns how many run. */
static unsigned start(struct pool *pool, pthread_t *threads, unsigned wanted)
{
    unsigned started = 0;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    while (started < wanted) {
        pthread_mutex_lock(&pool->lock);
        pool->running++;
        pthread_mutex_unlock(&pool->lock);
        if (pthread_create(&threads[started], &attributes, worker, pool) != 0) {
            pthread_mutex_lock(&pool->lock);
            pool->running--;
            pthread_mutex_unlock(&pool->lock);
            break;
        }
        started++;
    }
    pthread_attr_destroy(&attributes);
    return started;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned how_many(const struct sfx_work *work)
{
    unsigned descriptors = sfx_os_descriptors();
    unsigned fit = descriptors > DESCRIPTORS_BESIDES ? (descriptors - DESCRIPTORS_BESIDES) / DESCRIPTORS_OF_WORKER : 0;
    return least(least(work->workers, MAX_WORKERS), least(work->count, fit ? fit : 1));
}

enum sfx_error sfx_pool_run(const struct sfx_work *work, struct sfx_fault *fault)
{
    pthread_t threads[MAX_WORKERS];
    struct pool pool = {.work = work};
    unsigned wanted = how_many(work);
    if (wanted == 0)
        return SFX_OK;
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.changed, NULL);
    pthread_cond_init(&pool.left, NULL);
    unsigned started = start(&pool, threads, wanted);
    watch(&pool);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&pool.changed);
    pthread_cond_destroy(&pool.left);
    pthread_mutex_destroy(&pool.lock);
    if (started == 0)
        return sfx_fail_os(fault, EAGAIN, "cannot start a thread");
    if (work->tick)
        work->tick(work->context);
    if (pool.failed) {
        *fault = pool.fault;
        return fault->error;
    }
    enum sfx_error error = sfx_check_interrupted(fault);
    if (!error && pool.ended < work->count)
        error = sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    return error;
}
