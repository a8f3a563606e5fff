/* Events for programs; see events.h. */
#include "events.h"

#include <errno.h>

#include "os.h"
#include "text.h"

#define FORMAT 1u                        /* docs/events.md */
#define OUTPUT 1

static void begin(struct sfx_text *line, const char *event)
{
    sfx_text_format(line, "{\"event\": \"%s\"", event);
}

static void add(struct sfx_text *line, const char *key, struct sfx_bytes value)
{
    sfx_text_format(line, ", \"%s\": ", key);
    sfx_text_json(line, value);
}

/* VALUE may be NULL. */
static void add_string(struct sfx_text *line, const char *key, const char *value)
{
    if (value)
        add(line, key, sfx_bytes_of(value));
    else
        sfx_text_format(line, ", \"%s\": null", key);
}

/* One call of the system for a line: others that write to the same place do not come between. */
static int send(struct sfx_text *line)
{
    sfx_text_add(line, "}\n", 2);
    return line->failed ? ENOMEM : sfx_os_write(OUTPUT, line->data, line->size);
}

void sfx_events_close(struct sfx_events *events)
{
    sfx_free_string(&events->prefix);
}

void sfx_event_prefix(struct sfx_events *events, const char *prefix)
{
    sfx_free_string(&events->prefix);
    events->prefix = sfx_os_native(prefix);
}

void sfx_event_start(struct sfx_events *events, const char *action, const char *prefix, const struct sfx_index *index,
                     const uint8_t *build)
{
    SFX_CLEAN_TEXT struct sfx_text line = {0};
    sfx_event_prefix(events, prefix);
    if (!events->on)
        return;
    begin(&line, "start");
    sfx_text_format(&line, ", \"format\": %u, \"action\": \"%s\"", FORMAT, action);
    add_string(&line, "prefix", events->prefix);
    if (index) {
        add(&line, "name", sfx_index_string(index, index->product.name));
        add(&line, "release", sfx_index_string(index, index->product.release));
    }
    if (build) {
        sfx_text_format(&line, ", \"build\": \"");
        sfx_text_hex(&line, build, SFX_DIGEST_SIZE);
        sfx_text_format(&line, "\"");
    }
    send(&line);
}

void sfx_event_phase(struct sfx_events *events, const char *phase)
{
    events->phase = phase;
    sfx_event_text(events, "phase", phase);
}

void sfx_event_progress(const struct sfx_events *events, uint64_t done, uint64_t total)
{
    SFX_CLEAN_TEXT struct sfx_text line = {0};
    if (!events->on)
        return;
    begin(&line, "progress");
    add_string(&line, "phase", events->phase);
    sfx_text_format(&line, ", \"done\": %llu, \"total\": %llu", (unsigned long long)done, (unsigned long long)total);
    send(&line);
}

void sfx_event_text(const struct sfx_events *events, const char *event, const char *text)
{
    SFX_CLEAN_TEXT struct sfx_text line = {0};
    if (!events->on)
        return;
    begin(&line, event);
    add_string(&line, strcmp(event, "phase") == 0 ? event : "text", text);
    send(&line);
}

void sfx_event_file(const struct sfx_events *events, struct sfx_bytes path, const char *text)
{
    SFX_CLEAN_TEXT struct sfx_text line = {0};
    if (!events->on)
        return;
    begin(&line, "file");
    add(&line, "path", path);
    add_string(&line, "text", text);
    send(&line);
}

int sfx_event_result(const struct sfx_events *events, int exit_code, const char *error)
{
    SFX_CLEAN_TEXT struct sfx_text line = {0};
    bool done = exit_code == SFX_EXIT_DONE || exit_code == SFX_EXIT_EXCEPTIONS;
    if (!events->on)
        return 0;
    begin(&line, "result");
    sfx_text_format(&line, ", \"exit\": %d", exit_code);
    add_string(&line, "result", done && events->result ? events->result : done ? "done" : "failed");
    add_string(&line, "prefix", events->prefix);
    add_string(&line, "error", *error ? error : NULL);
    return send(&line);
}
