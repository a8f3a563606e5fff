/* How far it is; see progress.h. */
#include "progress.h"

#include <stdio.h>

#include "os.h"

#define SILENT_MILLISECONDS 500u
#define LINE_MILLISECONDS 10000u
#define EVENT_MILLISECONDS 250u

void sfx_progress_start(struct sfx_progress *progress, const struct sfx_session *session, const char *verb)
{
    uint64_t now = sfx_os_milliseconds();
    bool terminal = sfx_os_is_terminal(2) && !session->events.on;
    *progress = (struct sfx_progress){session, verb, terminal, false, now, now, 0};
}

static void show_on_terminal(struct sfx_progress *progress, uint64_t done, uint64_t total)
{
    char so_far[32];
    char all[32];
    fprintf(stderr, "\r%s: %s %s of %s, %u %%\033[K", progress->session->who, progress->verb, sfx_size_text(done, so_far),
            sfx_size_text(total, all), (unsigned)(total ? done * 100 / total : 100));
    progress->shown = true;
}

static void show_line(struct sfx_progress *progress, uint64_t done, uint64_t total, uint64_t now)
{
    char so_far[32];
    char all[32];
    unsigned quarter = (unsigned)(total ? done * 4 / total : 4);
    if (quarter == progress->quarter && now - progress->last < LINE_MILLISECONDS)
        return;
    progress->quarter = quarter;
    progress->last = now;
    fprintf(stderr, "%s: %s %s of %s\n", progress->session->who, progress->verb, sfx_size_text(done, so_far),
            sfx_size_text(total, all));
}

static void send_event(struct sfx_progress *progress, uint64_t done, uint64_t total, uint64_t now)
{
    if (now - progress->last < EVENT_MILLISECONDS && done < total)
        return;
    progress->last = now;
    sfx_event_progress(&progress->session->events, done, total);
}

void sfx_progress_show(void *context, uint64_t done, uint64_t total)
{
    struct sfx_progress *progress = context;
    uint64_t now = sfx_os_milliseconds();
    if (progress->session->events.on) {
        send_event(progress, done, total, now);
        return;
    }
    if (progress->session->options.quiet || now - progress->started < SILENT_MILLISECONDS)
        return;
    if (progress->terminal)
        show_on_terminal(progress, done, total);
    else
        show_line(progress, done, total, now);
}

void sfx_progress_note(struct sfx_progress *progress, const char *text)
{
    if (progress->session->options.quiet || !progress->terminal)
        return;
    fprintf(stderr, "\r%s: %s\033[K", progress->session->who, text);
    progress->shown = true;
}

void sfx_progress_end(struct sfx_progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
