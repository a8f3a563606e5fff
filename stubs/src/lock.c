/* The lock of one prefix; see place.h.
 *
 * The file names host, boot, process space, process and its start. On the same host, boot and space the process's being
 * alive decides; another boot of this host is over; of anything else nothing is known. A lock is judged and removed under
 * flock, and only if the name still leads to the file that was judged: two runs cannot take the same dead lock. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "os.h"
#include "place.h"
#include "text.h"

#define TRIES 50
#define PAUSE_MILLISECONDS 40            /* an empty lock is being written, or its writer died: wait 2 s at most */

enum judgement { DEAD, ALIVE, UNKNOWN, EMPTY, GONE };

/* The value of KEY in lines of key=value; empty if it is not there. */
static void find_value(const char *text, const char *key, char *value, size_t size)
{
    size_t length = strlen(key);
    value[0] = '\0';
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, length) == 0 && line[length] == '=')
            snprintf(value, size, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
}

static enum judgement judge(const char *text, struct sfx_os_process *ret_holder)
{
    struct sfx_os_process self;
    char number[32];
    memset(ret_holder, 0, sizeof *ret_holder);
    if (!strchr(text, '\n'))
        return EMPTY;
    sfx_os_process(&self);
    find_value(text, "host", ret_holder->host, sizeof ret_holder->host);
    find_value(text, "boot", ret_holder->boot, sizeof ret_holder->boot);
    find_value(text, "space", ret_holder->space, sizeof ret_holder->space);
    find_value(text, "pid", number, sizeof number);
    ret_holder->pid = strtoull(number, NULL, 10);
    find_value(text, "start", number, sizeof number);
    ret_holder->start = strtoull(number, NULL, 10);
    if (strcmp(self.host, ret_holder->host) != 0)
        return UNKNOWN;
    if (strcmp(self.boot, ret_holder->boot) != 0)
        return DEAD;
    if (strcmp(self.space, ret_holder->space) != 0)
        return UNKNOWN;
    return sfx_os_is_alive(ret_holder->pid, ret_holder->start) ? ALIVE : DEAD;
}

static int write_lock(int directory, const char *name)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    struct sfx_os_process self;
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    sfx_os_process(&self);
    sfx_text_format(&text, "host=%s\nboot=%s\nspace=%s\npid=%llu\nstart=%llu\nend=\n", self.host, self.boot, self.space,
                    (unsigned long long)self.pid, (unsigned long long)self.start);
    if (text.failed)
        return ENOMEM;
    int error = sfx_os_create(directory, name, 0644, &fd);
    if (error)
        return error;
    error = sfx_os_write(fd, text.data, text.size);
    if (error)
        sfx_os_unlink(directory, name);
    return error;
}

/* Judge the lock that stands there, and remove it if it is nobody's. */
static int examine(int directory, const char *name, bool break_it, enum judgement *ret_judgement,
                   struct sfx_os_process *ret_holder)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    char text[1024];
    size_t got = 0;
    struct sfx_os_stat held;
    struct sfx_os_stat named;
    *ret_judgement = GONE;
    int error = sfx_os_open(directory, name, SFX_OS_READ, &fd);
    if (!error)
        error = sfx_os_hold(fd);
    if (!error)
        error = sfx_os_read(fd, text, sizeof text - 1, &got);
    if (!error)
        error = sfx_os_stat_fd(fd, &held);
    if (!error)
        error = sfx_os_stat(directory, name, &named);
    if (error)
        return error == ENOENT ? 0 : error;
    if (held.inode != named.inode || held.device != named.device)
        return 0;
    text[got] = '\0';
    *ret_judgement = strstr(text, "\nend=") ? judge(text, ret_holder) : EMPTY;
    bool remove = *ret_judgement == DEAD || (break_it && (*ret_judgement == UNKNOWN || *ret_judgement == EMPTY));
    if (!remove)
        return 0;
    *ret_judgement = GONE;
    error = sfx_os_unlink(directory, name);
    return error == ENOENT ? 0 : error;
}

static enum sfx_error refuse(const char *shown, const char *name, enum judgement judgement, const struct sfx_os_process *holder,
                             struct sfx_fault *fault)
{
    if (judgement == ALIVE)
        return sfx_fail(fault, SFX_ERROR_LOCKED, "process %llu is at work there now; wait for it to end (lock: %s/%s)",
                        (unsigned long long)holder->pid, shown, name);
    return sfx_fail(fault, SFX_ERROR_LOCKED,
                    "process %llu on host %s holds the lock %s/%s, and whether it still runs cannot be seen from here; if it "
                    "does not, repeat with --break-lock",
                    (unsigned long long)holder->pid, holder->host, shown, name);
}

enum sfx_error sfx_lock_take(int directory, const char *shown, const char *name, bool break_it, struct sfx_lock *ret_lock,
                             struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int kept = -1;
    struct sfx_os_process holder;
    enum judgement judgement = GONE;
    *ret_lock = (struct sfx_lock){-1, name};
    int os_error = sfx_os_open(directory, ".", SFX_OS_DIRECTORY, &kept);
    if (os_error)
        return sfx_fail_os(fault, os_error, "cannot open %s", shown);
    for (int i = 0; i < TRIES; i++) {
        int error = write_lock(directory, name);
        if (!error) {
            ret_lock->directory = kept;
            kept = -1;
            return SFX_OK;
        }
        if (error != EEXIST)
            return sfx_fail_os(fault, error, "cannot write in %s", shown);
        bool last = i + 2 >= TRIES;      /* an empty lock: whoever made it died before it wrote */
        error = examine(directory, name, break_it || (last && judgement == EMPTY), &judgement, &holder);
        if (error)
            return sfx_fail_os(fault, error, "cannot examine the lock %s/%s", shown, name);
        if (judgement == ALIVE || judgement == UNKNOWN)
            return refuse(shown, name, judgement, &holder, fault);
        if (judgement == EMPTY)
            sfx_os_sleep(PAUSE_MILLISECONDS);
    }
    return sfx_fail(fault, SFX_ERROR_LOCKED, "other runs keep taking the lock %s/%s; try again", shown, name);
}

void sfx_lock_release(struct sfx_lock *lock)
{
    if (lock->directory >= 0)
        sfx_os_unlink(lock->directory, lock->name);
    sfx_os_closep(&lock->directory);
}
