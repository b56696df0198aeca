/* layerfs rm: takes images' names away, and with the last one the image. */
#include <stdio.h>

#include "cli/output.h"
#include "cli/report.h"
#include "cli/request.h"
#include "cli/session.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

static struct doc *
remove_one(struct session *s, const char *text, struct err *e)
{
	AUTO_REQUEST struct request r;

	request_init(&r, "rm");
	if (request_set_reference(&r, text, e) < 0)
		return NULL;
	return session_call(s, &r, e);
}

static void
print_who_keeps_it(const struct doc *holders)
{
	AUTO_BUF struct buf users = BUF_INIT(LIMIT_CONTROL_MESSAGE_BYTES);

	report_append_holders(&users, holders);
	if (users.len == 0) {
		puts(": name removed, the image has others");
		return;
	}
	fputs(": name removed, the image is used by ", stdout);
	output_print_safe(stdout, buf_str(&users));
	putchar('\n');
}

static void
print(const struct session *s, const char *text, const struct doc *one)
{
	if (s->is_json)
		return;
	output_print_safe(stdout, text);
	if (s->is_quiet)
		putchar('\n');
	else if (doc_bool(doc_find(one, "removed")))
		printf(": removed, %s freed\n",
		    SIZE_TEXT(doc_int(doc_find(one, "freed_bytes"))));
	else
		print_who_keeps_it(doc_find(one, "holders"));
}

int
cmd_rm(struct session *s)
{
	AUTO_DOC struct doc *all = doc_new_object();
	struct doc *done = doc_new_array();
	int status = STATUS_DONE;
	struct err e;

	doc_set(all, "images", done);
	if (session_connect(s, SESSION_START, &e) < 0)
		return session_fail(s, &e, "rm");
	for (size_t i = 0; i < s->args->n_operands; i++) {
		const char *text = s->args->operands[i];
		struct doc *one = remove_one(s, text, &e);

		if (one == NULL) {
			status = session_fail(s, &e, "rm %s", text);
			continue;
		}
		print(s, text, one);
		doc_append(done, one);
	}
	if (s->is_json)
		output_json(all);
	return status;
}
