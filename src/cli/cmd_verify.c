/* layerfs verify: is what is here what it should be? */
#include <inttypes.h>
#include <stdio.h>

#include "cli/output.h"
#include "cli/request.h"
#include "cli/session.h"
#include "base/doc.h"
#include "base/err.h"

static void
print_finding(const struct doc *f)
{
	const char *reference = doc_string(doc_find(f, "reference"));
	const char *path = doc_string(doc_find(f, "path"));
	const char *what = doc_string(doc_find(f, "what"));

	if (reference != NULL && *reference != 0) {
		output_print_safe(stdout, reference);
		fputs(": ", stdout);
	}
	if (path != NULL && *path != 0) {
		putchar('/');
		output_print_safe(stdout, path);
		fputs(": ", stdout);
	}
	output_print_safe(stdout, what == NULL ? "?" : what);
	puts(doc_bool(doc_find(f, "repaired")) ? " (dropped)" : "");
}

/* Old bytes that are still seen. */
static int64_t
mapped_files(const struct doc *result)
{
	return doc_int(doc_find(result, "mapped_files"));
}

static void
print(const struct session *s, const struct doc *result)
{
	const struct doc *findings = doc_find(result, "findings");
	int64_t unchecked = doc_int(doc_find(result, "unchecked_bytes"));

	for (size_t i = 0; i < doc_count(findings); i++)
		print_finding(doc_at(findings, i));
	if (s->is_quiet)
		return;
	printf("%s checked, %" PRId64 " wrong\n",
	    SIZE_TEXT(doc_int(doc_find(result, "checked_bytes"))),
	    doc_int(doc_find(result, "wrong")));
	if (unchecked > 0)
		printf("%s are of chunks that are not whole, which no digest "
		       "vouches for\n",
		    SIZE_TEXT(unchecked));
	if (mapped_files(result) > 0)
		printf("%" PRId64 " files were wrong and are mapped by "
		       "programs, which go on with what they have: end those\n",
		    mapped_files(result));
}

int
cmd_verify(struct session *s)
{
	const char *text =
	    s->args->n_operands == 0 ? NULL : s->args->operands[0];
	AUTO_REQUEST struct request r;
	AUTO_DOC struct doc *result = NULL;
	struct err e;

	request_init(&r, "verify");
	if (arguments_has(s->args, OPTION_REPAIR))
		doc_set_bool(r.doc, "repair", true);
	if ((text == NULL || request_set_reference(&r, text, &e) == 0) &&
	    session_connect(s, SESSION_FIND, &e) == 0)
		result = session_call(s, &r, &e);
	if (result == NULL)
		return session_fail(s, &e, "verify%s%s",
		    text == NULL ? "" : " ", text == NULL ? "" : text);
	if (s->is_json)
		output_json(result);
	else
		print(s, result);
	/* What is left wrong is a failure. */
	return doc_int(doc_find(result, "wrong")) >
			   doc_int(doc_find(result, "repaired")) ||
		       mapped_files(result) > 0
		   ? STATUS_FAILED
		   : STATUS_DONE;
}
