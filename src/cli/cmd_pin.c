/* layerfs pin, unpin: what stays whatever room is needed. */
#include <stdio.h>

#include "cli/output.h"
#include "cli/request.h"
#include "cli/session.h"
#include "base/doc.h"
#include "base/err.h"

int
cmd_pin(struct session *s)
{
	const char *text = s->args->operands[0];
	AUTO_REQUEST struct request r;
	AUTO_DOC struct doc *result = NULL;
	const char *image;
	struct err e;

	request_init(&r, "pin");
	if (arguments_has(s->args, OPTION_FETCH))
		doc_set_bool(r.doc, "fetch", true);
	if (request_set_image(&r, s->args, text, &e) == 0 &&
	    session_connect(s, SESSION_START, &e) == 0)
		result = session_call(s, &r, &e);
	if (result == NULL || doc_get_string(result, "image", &image, &e) < 0)
		return session_fail(s, &e, "pin %s", text);
	if (s->is_json) {
		output_json(result);
		return STATUS_DONE;
	}
	output_print_safe(stdout, image);
	putchar('\n');
	return STATUS_DONE;
}

static struct doc *
unpin_one(struct session *s, const char *text, struct err *e)
{
	AUTO_REQUEST struct request r;

	request_init(&r, "unpin");
	if (request_set_reference(&r, text, e) < 0)
		return NULL;
	return session_call(s, &r, e);
}

int
cmd_unpin(struct session *s)
{
	AUTO_DOC struct doc *all = doc_new_object();
	struct doc *done = doc_new_array();
	int status = STATUS_DONE;
	struct err e;

	doc_set(all, "images", done);
	if (session_connect(s, SESSION_FIND, &e) < 0)
		return session_fail(s, &e, "unpin");
	for (size_t i = 0; i < s->args->n_operands; i++) {
		const char *text = s->args->operands[i];
		struct doc *one = unpin_one(s, text, &e);

		if (one == NULL) {
			status = session_fail(s, &e, "unpin %s", text);
			continue;
		}
		doc_append(done, one);
	}
	if (s->is_json)
		output_json(all);
	return status;
}
