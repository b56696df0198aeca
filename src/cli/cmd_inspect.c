/* layerfs inspect: an image's manifest and config, in short or (--json) whole.
 */
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/report.h"
#include "cli/request.h"
#include "cli/session.h"
#include "base/doc.h"
#include "base/err.h"

static void
print_platform(const struct doc *config)
{
	const char *os = doc_string(doc_find(config, "os"));
	const char *cpu = doc_string(doc_find(config, "architecture"));
	char text[128];

	snprintf(text, sizeof text, "%s/%s", os == NULL ? "?" : os,
	    cpu == NULL ? "?" : cpu);
	report_text("Platform", text);
}

static void
print(const struct doc *result)
{
	const struct doc *config = doc_find(result, "config");
	const struct doc *run = doc_find(config, "config");
	const struct doc *env = doc_find(run, "Env");
	const struct doc *layers =
	    doc_find(doc_find(result, "manifest"), "layers");

	report_text("Reference", doc_string(doc_find(result, "reference")));
	report_text("Image", doc_string(doc_find(result, "image")));
	report_text("Created", doc_string(doc_find(config, "created")));
	print_platform(config);
	report_words("Entrypoint", doc_find(run, "Entrypoint"));
	report_words("Command", doc_find(run, "Cmd"));
	report_text("Folder", doc_string(doc_find(run, "WorkingDir")));
	report_text("User", doc_string(doc_find(run, "User")));
	for (size_t i = 0; i < doc_count(env); i++)
		report_text("Environment", doc_string(doc_at(env, i)));
	report_number("Layers", doc_count(layers));
	report_profile(doc_find(result, "profile"));
	report_layers(doc_find(result, "layer_list"));
}

int
cmd_inspect(struct session *s)
{
	const char *text = s->args->operands[0];
	AUTO_REQUEST struct request r;
	AUTO_DOC struct doc *result = NULL;
	struct err e;

	request_init(&r, "inspect");
	if (request_set_image(&r, s->args, text, &e) == 0 &&
	    session_connect(s, SESSION_START, &e) == 0)
		result = session_call(s, &r, &e);
	if (result == NULL)
		return session_fail(s, &e, "inspect %s", text);
	if (s->is_json)
		output_json(result);
	else
		print(result);
	return STATUS_DONE;
}
