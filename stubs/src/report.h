/* --info, --list, --licenses, --version, and `sfx info`. */
#ifndef SFX_REPORT_H
#define SFX_REPORT_H

#include "session.h"

enum sfx_error sfx_report_info(struct sfx_session *session, struct sfx_fault *fault);
enum sfx_error sfx_report_list(struct sfx_session *session, struct sfx_fault *fault);
enum sfx_error sfx_report_licenses(struct sfx_session *session, struct sfx_fault *fault);
enum sfx_error sfx_report_version(void);
enum sfx_error sfx_report_installation(struct sfx_session *session, struct sfx_fault *fault);

#endif
