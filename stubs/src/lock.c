/* The lock of one prefix; see lock.h.
 *
 * The file names host, boot, process space, process and its start. On the same host, boot and space the process's being
 * alive decides; another boot of this host is over. Of anything else is only known whether the file's time changes, which the
 * holder renews every few seconds.
 *
 * A dead lock is taken over through a claim, a file whose name derives from what the dead lock says, so that for each dead lock
 * one run alone can make it; a dead claim, by one that derives from it in turn. Who has made the last one, and then still finds
 * the dead lock in place, renames its claim over it. No other run can do the same: what a lock says is never said again. */
#include "lock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "digest.h"
#include "os.h"
#include "pool.h"
#include "text.h"

#define PAUSE_MILLISECONDS 100
#define UNFINISHED_PAUSES 20u            /* a lock without its end is being written, or its writer died */
#define BEAT_SECONDS 5
#define SILENT_SECONDS 60u               /* network file systems may show an old time for half a minute */

enum judgement { DEAD, ALIVE, ELSEWHERE, UNFINISHED, GONE };

struct sfx_holding {
    int directory;
    const char *name;
    int file;
    char *text;
    bool beats;                          /* there is a thread */
    bool ends;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
};

/* A lock or claim that was found. */
struct found {
    char text[1024];
    struct sfx_os_stat stat;
    struct sfx_os_process holder;
};

struct taking {
    const struct sfx_lock_request *request;
    char *text;                          /* of the lock that is wanted */
    struct found found;                  /* what stands in the way */
    bool waits;
    bool fresh;                          /* its holder elsewhere has shown itself */
    uint64_t time;                       /* of the file */
    uint64_t since;                      /* milliseconds: when it was first seen */
    unsigned unfinished;
};

bool sfx_lock_is_name(const char *name, const char *found)
{
    size_t size = strlen(name);
    return strncmp(found, name, size) == 0 && (found[size] == '\0' || found[size] == '-');
}

/* ---- What stands there ---- */

/* The value of KEY in lines of key=value; empty if it is not there. */
static void find_value(const char *text, const char *key, char *value, size_t size)
{
    size_t length = strlen(key);
    value[0] = '\0';
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, length) == 0 && line[length] == '=')
            snprintf(value, size, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
}

static enum judgement judge(struct found *found)
{
    struct sfx_os_process self;
    struct sfx_os_process *holder = &found->holder;
    char number[32];
    memset(holder, 0, sizeof *holder);
    if (!strstr(found->text, "\nend="))
        return UNFINISHED;
    sfx_os_process(&self);
    find_value(found->text, "host", holder->host, sizeof holder->host);
    find_value(found->text, "boot", holder->boot, sizeof holder->boot);
    find_value(found->text, "space", holder->space, sizeof holder->space);
    find_value(found->text, "pid", number, sizeof number);
    holder->pid = strtoull(number, NULL, 10);
    find_value(found->text, "start", number, sizeof number);
    holder->start = strtoull(number, NULL, 10);
    if (strcmp(self.host, holder->host) != 0)
        return ELSEWHERE;
    if (strcmp(self.boot, holder->boot) != 0)
        return DEAD;
    if (strcmp(self.space, holder->space) != 0)
        return ELSEWHERE;
    bool own = holder->pid == self.pid && holder->start == self.start;       /* it could not be removed, or not be looked at */
    return !own && sfx_os_is_alive(holder->pid, holder->start) ? ALIVE : DEAD;
}

static int read_found(int directory, const char *name, struct found *ret_found, enum judgement *ret_judgement)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    size_t got = 0;
    *ret_judgement = GONE;
    int error = sfx_os_open(directory, name, SFX_OS_READ, &fd);
    if (!error)
        error = sfx_os_stat_fd(fd, &ret_found->stat);
    if (!error)
        error = sfx_os_read(fd, ret_found->text, sizeof ret_found->text - 1, &got);
    if (error)
        return error == ENOENT || error == ESTALE ? 0 : error;
    ret_found->text[got] = '\0';
    *ret_judgement = judge(ret_found);
    return 0;
}

static bool is_same(const struct found *a, const struct found *b)
{
    return a->stat.inode == b->stat.inode && a->stat.device == b->stat.device && a->stat.mtime == b->stat.mtime &&
           strcmp(a->text, b->text) == 0;
}

/* Whether a holder of which nothing else is known is at work: the time of its file is new, or becomes newer. */
static bool is_fresh(struct taking *taking)
{
    uint64_t now = sfx_os_milliseconds();
    uint64_t mtime = taking->found.stat.mtime;
    if (taking->since == 0) {
        uint64_t clock = sfx_os_time();
        taking->fresh = (clock > mtime ? clock - mtime : mtime - clock) <= SILENT_SECONDS;
    } else if (mtime != taking->time) {
        taking->fresh = true;
    }
    if (taking->since == 0 || mtime != taking->time) {
        taking->time = mtime;
        taking->since = now;
    }
    return taking->fresh && now - taking->since <= SILENT_SECONDS * 1000u;
}

/* ---- Taking ---- */

/* The file is there and says what it shall, or an error. Its writer may have been so slow that it was taken for dead: then
 * EEXIST. */
static int create(int directory, const char *name, const char *text, int *ret_fd)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    struct sfx_os_stat made;
    struct sfx_os_stat named;
    int error = sfx_os_create(directory, name, 0644, &fd);
    if (error)
        return error;
    error = sfx_os_write(fd, text, strlen(text));
    if (!error)
        error = sfx_os_stat_fd(fd, &made);
    if (error) {
        sfx_os_unlink(directory, name);
        return error;
    }
    if (sfx_os_stat(directory, name, &named) != 0 || named.inode != made.inode || named.device != made.device)
        return EEXIST;
    *ret_fd = fd;
    fd = -1;
    return 0;
}

/* The name of the claim on what FOUND says. */
static char *claim_name(const char *name, const struct found *found)
{
    uint8_t digest[SFX_DIGEST_SIZE];
    SFX_CLEAN_STRING char *said = sfx_print("%llu %llu %s", (unsigned long long)found->stat.inode,
                                            (unsigned long long)found->stat.mtime, found->text);
    if (!said)
        return NULL;
    sfx_digest(said, strlen(said), digest);
    return sfx_print("%s-%02x%02x%02x%02x", name, digest[0], digest[1], digest[2], digest[3]);
}

static bool may_take_over(const struct taking *taking, enum judgement judgement)
{
    if (judgement == UNFINISHED)
        return taking->request->break_it || taking->unfinished >= UNFINISHED_PAUSES;
    return judgement == DEAD || (judgement == ELSEWHERE && taking->request->break_it);
}

/* Claims of the dead, which whoever made them can do nothing with any more. */
static void sweep(const struct taking *taking)
{
    const struct sfx_lock_request *request = taking->request;
    SFX_CLEAN_STRING char *names = NULL;
    struct found found;
    enum judgement judgement;
    size_t count = 0;
    if (sfx_os_list(request->directory, &names, &count) != 0)
        return;
    const char *name = names;
    for (size_t i = 0; i < count; i++, name += strlen(name) + 1)
        if (sfx_lock_is_name(request->name, name) && strcmp(request->name, name) != 0 &&
            read_found(request->directory, name, &found, &judgement) == 0 && may_take_over(taking, judgement))
            sfx_os_unlink(request->directory, name);
}

/* Rename the claim over the dead lock, which must still be DEAD. */
static int replace(const struct taking *taking, const struct found *dead, const char *claim)
{
    const struct sfx_lock_request *request = taking->request;
    struct found now;
    enum judgement judgement;
    int error = read_found(request->directory, request->name, &now, &judgement);
    if (!error && (judgement == GONE || !is_same(&now, dead)))
        error = EAGAIN;
    if (!error)
        error = sfx_os_rename(request->directory, claim, request->directory, request->name, SFX_OS_REPLACE);
    if (error)
        sfx_os_unlink(request->directory, claim);
    else
        sweep(taking);
    return error;
}

/* The lock as it stands. RET_FD is >= 0 if it was taken over; else RET_JUDGEMENT is of who stands in the way. */
static int examine(struct taking *taking, enum judgement *ret_judgement, int *ret_fd)
{
    const struct sfx_lock_request *request = taking->request;
    struct found dead;
    int error = read_found(request->directory, request->name, &taking->found, ret_judgement);
    dead = taking->found;
    while (!error && may_take_over(taking, *ret_judgement)) {
        SFX_CLEAN_STRING char *claim = claim_name(request->name, &taking->found);
        if (!claim)
            return ENOMEM;
        error = create(request->directory, claim, taking->text, ret_fd);
        if (!error) {
            *ret_judgement = GONE;
            error = replace(taking, &dead, claim);
            if (error)
                sfx_os_closep(ret_fd);
            return error == EAGAIN ? 0 : error;
        }
        if (error == EEXIST)
            error = read_found(request->directory, claim, &taking->found, ret_judgement);
    }
    return error;
}

static enum sfx_error refuse(const struct taking *taking, struct sfx_fault *fault)
{
    const struct sfx_os_process *holder = &taking->found.holder;
    return sfx_fail(fault, SFX_ERROR_LOCKED,
                    "process %llu on host %s holds the lock %s/%s, and has not been heard of for a minute; if it does not run any "
                    "more, repeat with --break-lock",
                    (unsigned long long)holder->pid, holder->host, taking->request->shown, taking->request->name);
}

/* After someone else was found: wait a moment, or refuse. */
static enum sfx_error wait_for(struct taking *taking, enum judgement judgement, struct sfx_fault *fault)
{
    const struct sfx_lock_request *request = taking->request;
    const struct sfx_os_process *holder = &taking->found.holder;
    taking->unfinished = judgement == UNFINISHED ? taking->unfinished + 1 : 0;
    if (judgement == GONE)
        return SFX_OK;
    if (judgement == ELSEWHERE && !is_fresh(taking))
        return refuse(taking, fault);
    if (!taking->waits && judgement != UNFINISHED) {
        SFX_CLEAN_STRING char *who = sfx_print("process %llu%s%s", (unsigned long long)holder->pid,
                                               judgement == ELSEWHERE ? " on host " : "",
                                               judgement == ELSEWHERE ? holder->host : "");
        taking->waits = true;
        if (request->waits && who)
            request->waits(request->context, who);
    }
    sfx_os_sleep(PAUSE_MILLISECONDS);
    return sfx_check_interrupted(fault);
}

/* ---- Holding ---- */

/* Renew the time of the file, by its descriptor: the name may be another run's by --break-lock. */
static void *beat(void *context)
{
    struct sfx_holding *holding = context;
    pthread_mutex_lock(&holding->mutex);
    while (!holding->ends) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += BEAT_SECONDS;
        pthread_cond_timedwait(&holding->ended, &holding->mutex, &until);
        if (!holding->ends)
            sfx_os_set_time(holding->file, sfx_os_time());
    }
    pthread_mutex_unlock(&holding->mutex);
    return NULL;
}

/* A lock without the thread holds too; other machines wait for it a minute only. */
static enum sfx_error hold(struct taking *taking, int file, int directory, struct sfx_lock *ret_lock, struct sfx_fault *fault)
{
    struct sfx_holding *holding = calloc(1, sizeof *holding);
    if (!holding) {
        sfx_os_unlink(taking->request->directory, taking->request->name);
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    }
    *holding = (struct sfx_holding){.directory = directory, .name = taking->request->name, .file = file, .text = taking->text};
    taking->text = NULL;
    pthread_mutex_init(&holding->mutex, NULL);
    pthread_cond_init(&holding->ended, NULL);
    sfx_os_hold_signals(true);           /* they are for the calling thread, which may be waiting for a program */
    holding->beats = pthread_create(&holding->thread, NULL, beat, holding) == 0;
    sfx_os_hold_signals(false);
    ret_lock->holding = holding;
    return SFX_OK;
}

static char *own_text(void)
{
    struct sfx_os_process self;
    sfx_os_process(&self);
    return sfx_print("host=%s\nboot=%s\nspace=%s\npid=%llu\nstart=%llu\ntime=%llu.%llu\nend=\n", self.host, self.boot, self.space,
                     (unsigned long long)self.pid, (unsigned long long)self.start, (unsigned long long)sfx_os_time(),
                     (unsigned long long)sfx_os_milliseconds());
}

static enum sfx_error take(struct taking *taking, int *ret_fd, struct sfx_fault *fault)
{
    const struct sfx_lock_request *request = taking->request;
    enum sfx_error failed = SFX_OK;
    while (!failed && *ret_fd < 0) {
        enum judgement judgement = GONE;
        int error = create(request->directory, request->name, taking->text, ret_fd);
        if (error && error != EEXIST)
            return sfx_fail_os(fault, error, "cannot write in %s", request->shown);
        if (!error)
            return SFX_OK;
        error = examine(taking, &judgement, ret_fd);
        if (error)
            return sfx_fail_os(fault, error, "cannot examine the lock %s/%s", request->shown, request->name);
        if (*ret_fd < 0)
            failed = wait_for(taking, judgement, fault);
    }
    return failed;
}

enum sfx_error sfx_lock_take(const struct sfx_lock_request *request, struct sfx_lock *ret_lock, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int directory = -1;
    __attribute__((cleanup(sfx_os_closep))) int file = -1;
    struct taking taking = {.request = request, .text = own_text()};
    ret_lock->holding = NULL;
    int os_error = request->directory < 0 ? ENOENT : sfx_os_open(request->directory, ".", SFX_OS_DIRECTORY, &directory);
    enum sfx_error error = SFX_OK;
    if (os_error)
        error = sfx_fail_os(fault, os_error, "cannot open %s", request->shown);
    else if (!taking.text)
        error = sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    if (!error)
        error = take(&taking, &file, fault);
    if (!error)
        error = hold(&taking, file, directory, ret_lock, fault);
    if (!error)
        file = directory = -1;           /* the holding's */
    free(taking.text);
    return error;
}

void sfx_lock_release(struct sfx_lock *lock)
{
    struct sfx_holding *holding = lock->holding;
    struct found found;
    enum judgement judgement;
    if (!holding)
        return;
    lock->holding = NULL;
    pthread_mutex_lock(&holding->mutex);
    holding->ends = true;
    pthread_cond_signal(&holding->ended);
    pthread_mutex_unlock(&holding->mutex);
    if (holding->beats)
        pthread_join(holding->thread, NULL);
    sfx_os_closep(&holding->file);       /* before its name goes: network file systems keep what is open under another */
    /* By --break-lock it may be another run's. */
    if (read_found(holding->directory, holding->name, &found, &judgement) == 0 && judgement != GONE &&
        strcmp(found.text, holding->text) == 0)
        sfx_os_unlink(holding->directory, holding->name);
    pthread_mutex_destroy(&holding->mutex);
    pthread_cond_destroy(&holding->ended);
    sfx_os_closep(&holding->directory);
    free(holding->text);
    free(holding);
}
