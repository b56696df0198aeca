/* layerfs version: of this command, and of the daemon where one answers. */
#include <errno.h>
#include <stdio.h>

#include "cli/output.h"
#include "cli/report.h"
#include "cli/session.h"
#include "base/doc.h"
#include "base/err.h"

static void
print(const struct doc *daemon)
{
	report_text("Command", PACKAGE_VERSION);
	if (daemon == NULL) {
		report_text("Daemon", "not running");
		return;
	}
	report_text("Daemon", doc_string(doc_find(daemon, "version")));
	report_number("Protocol", doc_int(doc_find(daemon, "protocol")));
	report_number("Process", doc_int(doc_find(daemon, "pid")));
	report_text("Store", doc_string(doc_find(daemon, "root")));
	report_text("Run", doc_string(doc_find(daemon, "run")));
}

int
cmd_version(struct session *s)
{
	struct err absent;
	AUTO_DOC struct doc *daemon =
	    session_ask(s, SESSION_FIND, "version", &absent);
	AUTO_DOC struct doc *result = doc_new_object();

	if (daemon == NULL && absent.code != ECONNREFUSED)
		session_warn("%s", absent.msg);
	if (!s->is_json) {
		print(daemon);
		return STATUS_DONE;
	}
	doc_set_string(result, "version", PACKAGE_VERSION);
	if (daemon != NULL)
		doc_set(result, "daemon", doc_ref(daemon));
	output_json(result);
	return STATUS_DONE;
}
