/* layerfs index: an index of an image's plain layers, beside it in its registry.
 * layerfs push: that and the image's profile. */
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/publish.h"
#include "cli/request.h"
#include "cli/session.h"
#include "base/doc.h"
#include "base/err.h"

void
publish_report(const struct doc *result, bool is_quiet)
{
	const char *outcome = doc_string(doc_find(result, "outcome"));
	const char *artifact = doc_string(doc_find(result, "artifact"));
	const char *why = doc_string(doc_find(result, "why"));

	if (is_quiet && artifact == NULL)
		return;
	if (!is_quiet && why != NULL)
		printf("nothing to publish: ");
	else if (!is_quiet && outcome != NULL && strcmp(outcome, "known") == 0)
		printf("known already: ");
	else if (!is_quiet)
		printf("published, %s: ",
		    SIZE_TEXT(doc_int(doc_find(result, "bytes"))));
	output_print_safe(stdout, why != NULL ? why : artifact);
	putchar('\n');
}

static struct doc *
publish(struct session *s, const char *op, struct err *e)
{
	AUTO_REQUEST struct request r;

	request_init(&r, op);
	if (request_set_image(&r, s->args, s->args->operands[0], e) < 0)
		return NULL;
	return session_call(s, &r, e);
}

int
cmd_index(struct session *s)
{
	AUTO_DOC struct doc *result = NULL;
	struct err e;

	if (session_connect(s, SESSION_START, &e) == 0)
		result = publish(s, "index", &e);
	if (result == NULL)
		return session_fail(s, &e, "index %s", s->args->operands[0]);
	if (s->is_json)
		output_json(result);
	else
		publish_report(result, s->is_quiet);
	return STATUS_DONE;
}

/* ---- both ---- */

static int
push(struct session *s, struct doc *both, struct err *e)
{
	static const struct {
		const char *op, *what;
	} parts[] = { { "index", "index" }, { "profile_push", "profile" } };

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct doc *result = publish(s, parts[i].op, e);

		if (result == NULL)
			return err_wrap(e, "%s", parts[i].what);
		doc_set(both, parts[i].what, result);
		if (s->is_json)
			continue;
		if (!s->is_quiet)
			printf("%s: ", parts[i].what);
		publish_report(result, s->is_quiet);
	}
	return 0;
}

int
cmd_push(struct session *s)
{
	AUTO_DOC struct doc *both = doc_new_object();
	struct err e;

	if (session_connect(s, SESSION_START, &e) < 0 || push(s, both, &e) < 0)
		return session_fail(s, &e, "push %s", s->args->operands[0]);
	if (s->is_json)
		output_json(both);
	return STATUS_DONE;
}
