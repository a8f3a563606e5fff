/* The stub: with --artifact an installer, else the tool of the installation it lies in. The only place that ends the
 * process. */
#include <errno.h>
#include <stdio.h>

#include "help.h"
#include "install.h"
#include "os.h"
#include "relocation.h"
#include "report.h"
#include "run.h"
#include "uninstall.h"
#include "verify.h"

/* Whether the action needs header and stub to be sound: what installs, or says that the file is. */
static bool needs_front(enum sfx_action action)
{
    return action != SFX_ACTION_INFO && action != SFX_ACTION_LIST && action != SFX_ACTION_LICENSES;
}

static bool is_tool(enum sfx_action action)
{
    return action == SFX_ACTION_TOOL_INFO || action == SFX_ACTION_TOOL_VERIFY || action == SFX_ACTION_TOOL_RELOCATE ||
           action == SFX_ACTION_TOOL_UNINSTALL || action == SFX_ACTION_TOOL_RUN || action == SFX_ACTION_TOOL_HELP;
}

static enum sfx_error run(struct sfx_session *session, struct sfx_fault *fault)
{
    enum sfx_action action = session->options.action;
    bool opens = !is_tool(action) && action != SFX_ACTION_HELP && action != SFX_ACTION_VERSION;
    enum sfx_error error = opens ? sfx_session_open_artifact(session, needs_front(action), fault) : SFX_OK;
    if (error)
        return error;
    switch (action) {
    case SFX_ACTION_INSTALL: return sfx_install(session, fault);
    case SFX_ACTION_CHECK: return sfx_check_only(session, fault);
    case SFX_ACTION_EXTRACT: return sfx_extract_some(session, fault);
    case SFX_ACTION_TREE: return sfx_write_tree(session, fault);
    case SFX_ACTION_INFO: return sfx_report_info(session, fault);
    case SFX_ACTION_LIST: return sfx_report_list(session, fault);
    case SFX_ACTION_LICENSES: return sfx_report_licenses(session, fault);
    case SFX_ACTION_VERSION: return sfx_report_version();
    case SFX_ACTION_VERIFY: return sfx_verify_artifact(session, fault);
    case SFX_ACTION_TOOL_INFO: return sfx_report_installation(session, fault);
    case SFX_ACTION_TOOL_VERIFY: return sfx_verify_installation(session, fault);
    case SFX_ACTION_TOOL_RELOCATE: return sfx_relocate(session, fault);
    case SFX_ACTION_TOOL_RUN: return sfx_run(session, fault);
    case SFX_ACTION_TOOL_UNINSTALL: return sfx_uninstall(session, fault);
    case SFX_ACTION_HELP: return sfx_help_installer(session);
    case SFX_ACTION_TOOL_HELP: return sfx_help_tool(session);
    }
    return sfx_fail(fault, SFX_ERROR_USAGE, "unknown action");
}

/* What became of the standard output: 0 or an errno. Who has read enough and went away is no error. */
static int output_error(void)
{
    int error = fflush(stdout) != 0 ? errno : 0;
    if ((!error || error == EINVAL) && ferror(stdout))       /* a line was lost: why, this one tells, as the C library may not */
        error = sfx_os_write(1, "\n", 1);
    return error == EPIPE ? 0 : error;
}

/* What was done stands; where the output is all that was asked for, nothing was. */
static void fail_output(const struct sfx_session *session, int error, struct sfx_fault *fault)
{
    static const char message[] = "cannot write to standard output";
    bool stands = session->events.result && session->options.action != SFX_ACTION_TOOL_VERIFY;
    if (stands)
        sfx_fail(fault, SFX_ERROR_EXCEPTIONS, "%s: %s", message, sfx_os_error_text(error));
    else
        sfx_fail_os(fault, error, "%s", message);
}

/* Say how it ended, to people and to programs. Returns the exit code. */
static int finish(struct sfx_session *session, struct sfx_fault *fault)
{
    if (session->log_failed && session->log.size > 0 && !fault->error)
        sfx_warn(session, "the log %s is not complete: %s", session->options.log, sfx_os_error_text(session->log_failed));
    int failed = output_error();
    if (!fault->error && failed)
        fail_output(session, failed, fault);
    if (fault->error)
        sfx_say_fault(session, fault);
    failed = sfx_event_result(&session->events, sfx_exit_code(fault), fault->message);
    if (fault->error || !failed || failed == EPIPE)
        return sfx_exit_code(fault);
    fail_output(session, failed, fault);
    sfx_say_fault(session, fault);
    return sfx_exit_code(fault);
}

int main(int count, char **arguments)
{
    struct sfx_session session;
    struct sfx_fault fault = {.error = SFX_OK};
    sfx_os_prepare(&count, &arguments);
    enum sfx_error error = sfx_session_open(count, arguments, &session, &fault);
    if (!error)
        error = run(&session, &fault);
    if (!error)
        fault.error = SFX_OK;            /* of what was tried and of no matter */
    int code = finish(&session, &fault);
    sfx_session_close(&session);
    return code;
}
