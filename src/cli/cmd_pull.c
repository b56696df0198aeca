/* layerfs pull: an image into the store. */
#include <stdio.h>

#include "cli/output.h"
#include "cli/request.h"
#include "cli/session.h"
#include "base/doc.h"
#include "base/err.h"

int
cmd_pull(struct session *s)
{
	const char *text = s->args->operands[0];
	AUTO_REQUEST struct request r;
	AUTO_DOC struct doc *result = NULL;
	const char *image;
	struct err e;

	request_init(&r, "pull");
	if (arguments_has(s->args, OPTION_PULL_LAZY))
		doc_set_bool(r.doc, "lazy", true);
	if (request_set_image(&r, s->args, text, &e) == 0 &&
	    session_connect(s, SESSION_START, &e) == 0)
		result = session_call(s, &r, &e);
	if (result == NULL || doc_get_string(result, "image", &image, &e) < 0)
		return session_fail(s, &e, "pull %s", text);
	if (s->is_json) {
		output_json(result);
		return STATUS_DONE;
	}
	output_print_safe(stdout, image);
	if (!s->is_quiet)
		printf(" (%s fetched)",
		    SIZE_TEXT(doc_int(doc_find(result, "bytes"))));
	putchar('\n');
	return STATUS_DONE;
}
