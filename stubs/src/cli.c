/* The command line; see cli.h. */
#include "cli.h"

#include <stdlib.h>

#include "checks.h"
#include "text.h"

enum kind {
    SET_ACTION,                          /* `action` */
    SET_FLAG,                            /* the bool at `place` */
    SET_TEXT,                            /* the value into the string at `place` */
    SET_NUMBER,                          /* the value, decimal, into the uint64_t at `place` */
    SET_JOBS,
    SET_MODE,
    SET_SKIP,                            /* a check, or several */
    SET_EXTRACT,                         /* two values: pattern and folder */
};

struct option {
    const char *name;
    char letter;
    bool hidden;
    enum kind kind;
    enum sfx_action action;
    size_t place;
};

#define PLACE(field) offsetof(struct sfx_options, field)
static const struct option options_known[] = {
    {"prefix", 'p', false, SET_TEXT, 0, PLACE(prefix)},
    {"yes", 'y', false, SET_FLAG, 0, PLACE(batch)},
    {"batch", 'b', false, SET_FLAG, 0, PLACE(batch)},
    {"force", 0, false, SET_FLAG, 0, PLACE(force)},
    {"jobs", 'j', false, SET_JOBS, 0, PLACE(jobs)},
    {"quiet", 'q', false, SET_FLAG, 0, PLACE(quiet)},
    {"log", 0, false, SET_TEXT, 0, PLACE(log)},
    {"mode", 0, false, SET_MODE, 0, 0},
    {"skip-check", 0, false, SET_SKIP, 0, 0},
    {"skip-hooks", 0, false, SET_FLAG, 0, PLACE(skip_hooks)},
    {"accept-license", 0, false, SET_FLAG, 0, PLACE(accept_license)},
    {"no-sync", 0, false, SET_FLAG, 0, PLACE(no_sync)},
    {"break-lock", 0, false, SET_FLAG, 0, PLACE(break_lock)},
    {"move", 0, false, SET_FLAG, 0, PLACE(move)},
    {"strict", 0, false, SET_FLAG, 0, PLACE(strict)},
    {"purge", 0, false, SET_FLAG, 0, PLACE(purge)},
    {"modify-rc", 0, false, SET_FLAG, 0, PLACE(modify_rc)},
    {"json", 0, false, SET_FLAG, 0, PLACE(json)},
    {"info", 0, false, SET_ACTION, SFX_ACTION_INFO, 0},
    {"list", 0, false, SET_ACTION, SFX_ACTION_LIST, 0},
    {"verify", 0, false, SET_ACTION, SFX_ACTION_VERIFY, 0},
    {"check-only", 0, false, SET_ACTION, SFX_ACTION_CHECK, 0},
    {"licenses", 0, false, SET_ACTION, SFX_ACTION_LICENSES, 0},
    {"extract", 0, false, SET_EXTRACT, SFX_ACTION_EXTRACT, 0},
    {"help", 'h', false, SET_ACTION, SFX_ACTION_HELP, 0},
    {"version", 0, false, SET_ACTION, SFX_ACTION_VERSION, 0},
    {"tree", 0, true, SET_TEXT, 0, PLACE(directory)},
    {"as", 0, true, SET_TEXT, 0, PLACE(as)},
    {"artifact", 0, true, SET_TEXT, 0, PLACE(artifact)},
    {"at", 0, true, SET_NUMBER, 0, PLACE(at)},
    {"self", 0, true, SET_TEXT, 0, PLACE(self)},
};
#define OPTION_COUNT (sizeof options_known / sizeof *options_known)

struct parser {
    struct sfx_options *options;
    struct sfx_fault *fault;
    char **next;                         /* arguments not yet looked at */
    char **end;
    const char *operands[2];             /* arguments that are no options */
};

/* ---- What was probably meant ---- */

#define LONGEST 24u

/* Edits (insert, delete, replace) between two words of at most LONGEST letters; LONGEST for longer ones. */
static size_t distance(const char *a, const char *b)
{
    size_t row[LONGEST + 1];
    size_t width = strlen(b);
    if (width > LONGEST || strlen(a) > LONGEST)
        return LONGEST;
    for (size_t i = 0; i <= width; i++)
        row[i] = i;
    for (size_t y = 0; a[y]; y++) {
        size_t before = row[0]++;        /* the value left above */
        for (size_t x = 0; x < width; x++) {
            size_t replaced = before + (a[y] != b[x]);
            before = row[x + 1];
            size_t least = before < row[x] ? before + 1 : row[x] + 1;
            row[x + 1] = replaced < least ? replaced : least;
        }
    }
    return row[width];
}

static enum sfx_error unknown_option(const char *typed, struct sfx_fault *fault)
{
    const char *nearest = NULL;
    size_t least = LONGEST;
    SFX_CLEAN_STRING char *name = sfx_print("%.*s", (int)strcspn(typed, "="), typed);
    for (size_t i = 0; name && i < OPTION_COUNT; i++) {
        if (options_known[i].hidden)
            continue;
        bool begins = *name && strncmp(options_known[i].name, name, strlen(name)) == 0;
        size_t edits = begins ? 0 : distance(name, options_known[i].name);
        if (edits < least) {
            least = edits;
            nearest = options_known[i].name;
        }
    }
    if (!nearest || least > 1 + strlen(name) / 2)
        return sfx_fail(fault, SFX_ERROR_USAGE, "unknown option --%s; --help lists the options", typed);
    return sfx_fail(fault, SFX_ERROR_USAGE, "unknown option --%s; did you mean --%s? (--help lists the options)", typed, nearest);
}

/* ---- Options ---- */

static enum sfx_error read_number(const struct parser *parser, const char *name, const char *text, uint64_t most,
                                  uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && value <= most; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    if (at == text || *at || value > most)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--%s takes a number, not `%s`", name, text);
    *ret_value = value;
    return SFX_OK;
}

static enum sfx_error set_action(const struct parser *parser, const struct option *option)
{
    if (parser->options->action != SFX_ACTION_INSTALL && parser->options->action != option->action)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--%s goes with no other action", option->name);
    parser->options->action = option->action;
    return SFX_OK;
}

static enum sfx_error set_value(const struct parser *parser, const struct option *option, const char *value)
{
    uint8_t *place = (uint8_t *)parser->options + option->place;
    uint64_t number;
    enum sfx_error error;
    switch (option->kind) {
    case SET_TEXT:
        memcpy(place, &value, sizeof value);
        return SFX_OK;
    case SET_NUMBER:
        return read_number(parser, option->name, value, UINT64_MAX / 16, &parser->options->at);
    case SET_JOBS:
        error = read_number(parser, option->name, value, 256, &number);
        if (error || number == 0)
            return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--jobs takes a number from 1 to 256, not `%s`", value);
        parser->options->jobs = (unsigned)number;
        return SFX_OK;
    case SET_MODE:
        parser->options->modes = sfx_modes_find(value);
        if (!parser->options->modes)
            return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--mode takes private, group, shared or keep, not `%s`", value);
        return SFX_OK;
    case SET_SKIP:
        return sfx_check_skip(value, &parser->options->skipped, parser->fault);
    case SET_EXTRACT:
        parser->options->pattern = value;
        return set_action(parser, option);
    case SET_ACTION:
    case SET_FLAG:
        break;
    }
    return SFX_OK;
}

/* VALUE is what follows `=` or the letter, or NULL. */
static enum sfx_error apply(struct parser *parser, const struct option *option, const char *value)
{
    bool takes_value = option->kind != SET_ACTION && option->kind != SET_FLAG;
    if (!takes_value && value)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--%s takes no value", option->name);
    if (option->kind == SET_ACTION)
        return set_action(parser, option);
    if (option->kind == SET_FLAG) {
        *(bool *)((uint8_t *)parser->options + option->place) = true;
        return SFX_OK;
    }
    if (!value && parser->next < parser->end)
        value = *parser->next++;
    if (!value || (option->kind == SET_TEXT && !*value))
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--%s needs a value", option->name);
    enum sfx_error error = set_value(parser, option, value);
    if (error || option->kind != SET_EXTRACT)
        return error;
    if (parser->next == parser->end)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--extract needs a pattern and a folder, for example "
                                                        "--extract 'lib/*.so' out");
    parser->options->directory = *parser->next++;
    return SFX_OK;
}

static enum sfx_error parse_long(struct parser *parser, const char *text)
{
    size_t size = strcspn(text, "=");
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strlen(options_known[i].name) == size && memcmp(options_known[i].name, text, size) == 0)
            return apply(parser, &options_known[i], text[size] ? text + size + 1 : NULL);
    return unknown_option(text, parser->fault);
}

/* `-yq`, `-j4`, `-p DIR` */
static enum sfx_error parse_letters(struct parser *parser, const char *text)
{
    enum sfx_error error = SFX_OK;
    for (; !error && *text; text++) {
        const struct option *found = NULL;
        for (size_t i = 0; i < OPTION_COUNT; i++)
            if (options_known[i].letter == *text)
                found = &options_known[i];
        if (!found)
            return sfx_fail(parser->fault, SFX_ERROR_USAGE, "unknown option -%c; --help lists the options", *text);
        if (found->kind == SET_ACTION || found->kind == SET_FLAG)
            error = apply(parser, found, NULL);
        else
            return apply(parser, found, text[1] ? text + 1 + (text[1] == '=') : NULL);
    }
    return error;
}

#define RUN "run"

/* What is run, from the argument that was just looked at: all that follows is its own. */
static void take_command(struct parser *parser)
{
    parser->options->command = parser->next - 1;
    parser->next = parser->end;
}

static enum sfx_error parse_all(struct parser *parser)
{
    enum sfx_error error = SFX_OK;
    bool only_operands = false;
    while (!error && parser->next < parser->end) {
        const char *text = *parser->next++;
        if (!only_operands && strcmp(text, "--") == 0)
            only_operands = true;
        else if (!only_operands && text[0] == '-' && text[1] == '-')
            error = parse_long(parser, text + 2);
        else if (!only_operands && text[0] == '-' && text[1])
            error = parse_letters(parser, text + 1);
        else if (!parser->operands[0])
            parser->operands[0] = text;
        else if (!parser->options->artifact && strcmp(parser->operands[0], RUN) == 0)
            take_command(parser);
        else if (!parser->operands[1])
            parser->operands[1] = text;
        else
            error = sfx_fail(parser->fault, SFX_ERROR_USAGE, "unexpected argument %s; --help lists the options", text);
    }
    return error;
}

/* ---- What goes together ---- */

static enum sfx_error finish_installer(const struct parser *parser)
{
    struct sfx_options *options = parser->options;
    const char *operand = parser->operands[0];
    if (operand)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "unexpected argument %s; to install there: --prefix %s", operand, operand);
    if (options->move || options->strict)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--move and --strict are of PREFIX/.sfxpack/sfx relocate");
    if (options->purge)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--purge is of PREFIX/.sfxpack/sfx uninstall");
    if (options->modify_rc && options->action != SFX_ACTION_INSTALL)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--modify-rc goes with installing");
    bool wants_tree = options->as || (options->directory && options->action != SFX_ACTION_EXTRACT);
    if (wants_tree && (!options->as || !options->directory || options->action != SFX_ACTION_INSTALL))
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--tree and --as go together and with no other action");
    if (wants_tree)
        options->action = SFX_ACTION_TREE;
    bool can_json = options->action == SFX_ACTION_INSTALL || options->action == SFX_ACTION_INFO ||
                    options->action == SFX_ACTION_LIST || options->action == SFX_ACTION_CHECK;
    if (options->json && !can_json)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--json goes with installing, --info, --list and --check-only");
    return SFX_OK;
}

struct command {
    const char *name;
    enum sfx_action action;
};

static enum sfx_error unknown_command(const char *typed, const struct command *commands, size_t count, struct sfx_fault *fault)
{
    for (size_t i = 0; i < count; i++)
        if (distance(typed, commands[i].name) <= 2)
            return sfx_fail(fault, SFX_ERROR_USAGE, "unknown command %s; did you mean %s?", typed, commands[i].name);
    return sfx_fail(fault, SFX_ERROR_USAGE, "unknown command %s; --help lists the commands", typed);
}

/* What only `relocate` or `uninstall` take. */
static enum sfx_error finish_command(const struct parser *parser)
{
    struct sfx_options *options = parser->options;
    bool relocates = options->action == SFX_ACTION_TOOL_RELOCATE;
    options->target = parser->operands[1];
    if (options->modes)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--mode is the installer's; its --force changes an installation");
    if (!relocates && options->target)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "unexpected argument %s; --help lists the commands", options->target);
    if (!relocates && (options->move || options->strict))
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--move and --strict go with relocate");
    if (options->action != SFX_ACTION_TOOL_UNINSTALL && options->purge)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--purge goes with uninstall");
    if (relocates && options->prefix)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "write sfx relocate %s, without --prefix", options->prefix);
    if (options->modify_rc)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--modify-rc is the installer's");
    if (options->move && !options->target)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--move needs the new folder: sfx relocate NEW --move");
    return SFX_OK;
}

static enum sfx_error finish_tool(const struct parser *parser)
{
    static const struct command commands[] = {
        {"info", SFX_ACTION_TOOL_INFO},
        {"verify", SFX_ACTION_TOOL_VERIFY},
        {"relocate", SFX_ACTION_TOOL_RELOCATE},
        {RUN, SFX_ACTION_TOOL_RUN},
        {"uninstall", SFX_ACTION_TOOL_UNINSTALL},
    };
    const size_t count = sizeof commands / sizeof *commands;
    struct sfx_options *options = parser->options;
    const char *command = parser->operands[0];
    if (options->action == SFX_ACTION_VERSION)
        return SFX_OK;
    if (options->action == SFX_ACTION_HELP || !command) {
        options->action = SFX_ACTION_TOOL_HELP;
        return SFX_OK;
    }
    if (options->action != SFX_ACTION_INSTALL)
        return sfx_fail(parser->fault, SFX_ERROR_USAGE, "this option is the installer's; --help lists the commands");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(command, commands[i].name) != 0)
            continue;
        options->action = commands[i].action;
        if (options->action == SFX_ACTION_TOOL_RUN && !options->command)
            return sfx_fail(parser->fault, SFX_ERROR_USAGE, "what shall be run? sfx run COMMAND ...");
        if (options->json && (options->action == SFX_ACTION_TOOL_INFO || options->action == SFX_ACTION_TOOL_RUN))
            return sfx_fail(parser->fault, SFX_ERROR_USAGE, "--json does not go with %s", command);
        return finish_command(parser);
    }
    return unknown_command(command, commands, count, parser->fault);
}

enum sfx_error sfx_cli_parse(int count, char **arguments, struct sfx_options *ret_options, struct sfx_fault *fault)
{
    memset(ret_options, 0, sizeof *ret_options);
    struct parser parser = {ret_options, fault, arguments + (count > 0), arguments + count, {NULL, NULL}};
    enum sfx_error error = parse_all(&parser);
    if (error)
        return error;
    return ret_options->artifact ? finish_installer(&parser) : finish_tool(&parser);
}
