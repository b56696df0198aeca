#include "registry/status.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/doc.h"
#include "base/err.h"

enum { QUOTE_BYTES = 80 };

/* {"errors": [{"code": "...", "message": "..."}]} */
static const char *
message_in(const struct doc *j)
{
	const struct doc *first = doc_at(doc_find(j, "errors"), 0);
	const char *message = doc_string(doc_find(first, "message"));

	if (message == NULL || *message == 0)
		message = doc_string(doc_find(first, "code"));
	return message;
}

/* , "message" with what a terminal might act on replaced. */
static void
quote_message(const struct buf *text, char out[QUOTE_BYTES + 8])
{
	struct err ignored = ERR_INIT;
	AUTO_DOC struct doc *j =
	    doc_parse_json(text->data, text->len, &ignored);
	const char *message = j != NULL ? message_in(j) : NULL;

	out[0] = 0;
	if (message == NULL || *message == 0)
		return;
	snprintf(out, QUOTE_BYTES + 8, ", \"%.*s\"", QUOTE_BYTES, message);
	for (char *c = out; *c != 0; c++)
		if (!isascii(*c) || !isprint(*c))
			*c = '?';
}

/* docker-registry says so where two write the same manifest at the same moment:
 * it reads back what the other has begun to write. */
static bool
is_digest_disputed(const struct status *s)
{
	struct err ignored = ERR_INIT;
	AUTO_DOC struct doc *j =
	    doc_parse_json(s->text->data, s->text->len, &ignored);
	const struct doc *first = doc_at(doc_find(j, "errors"), 0);
	const char *code = doc_string(doc_find(first, "code"));

	return s->code == 400 && code != NULL &&
	       strcmp(code, "DIGEST_INVALID") == 0;
}

int
status_error(const struct status *s, struct err *e)
{
	char message[QUOTE_BYTES + 8];

	quote_message(s->text, message);
	switch (s->code) {
	case 401:
	case 403:
		return err_set(e, EACCES,
		    s->had_credential
			? "the registry refused (%d%s): the login for %s does "
			  "not allow it"
			: "the registry refused (%d%s): log in with `podman "
			  "login %s`",
		    s->code, message, s->login);
	case 404:
	case 410:
		return err_set(
		    e, ENOENT, "no such %s (%d%s)", s->what, s->code, message);
	case 429:
		return err_set(
		    e, EAGAIN, "it limits requests (429%s)", message);
	case 408:
	case 425:
		return err_set(e, EAGAIN, "it answered %d%s", s->code, message);
	default:
		return err_set(e,
		    s->code >= 500 || is_digest_disputed(s) ? EAGAIN : EPROTO,
		    "it answered %d%s", s->code, message);
	}
}
