/* What the vendor has to say: licence and messages; and how texts of others are shown. */
#ifndef SFX_TEXTS_H
#define SFX_TEXTS_H

#include "session.h"

/* Add what is printable: characters that would speak to the terminal become `?`, form feeds go. */
void sfx_text_printable(struct sfx_text *text, struct sfx_bytes bytes);
/* The message before, then the licence: SFX_ERROR_USAGE if it is not accepted. Nothing has been written yet. */
enum sfx_error sfx_texts_before(struct sfx_session *session, struct sfx_fault *fault);
void sfx_texts_after(const struct sfx_session *session);
/* The product's licence on standard output, if it has one. */
void sfx_texts_licence(const struct sfx_index *index);
/* For --info: how long the licence is and where to read it, all else whole. */
void sfx_texts_info(const struct sfx_index *index, const char *licence_note);

#endif
