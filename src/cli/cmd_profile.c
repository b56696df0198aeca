/* layerfs profile: what an image's start reads, shown, copied, made anew. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/publish.h"
#include "cli/report.h"
#include "cli/request.h"
#include "cli/session.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

#include "layerfs/profile.h"

struct action {
	const char *name, *op;
	bool has_file;
	int (*prepare)(struct session *s, struct request *r, struct err *e);
	int (*finish)(
	    struct session *s, const struct doc *result, struct err *e);
};

/* ---- show ---- */

static int64_t
number_of(const struct doc *o, const char *key)
{
	return doc_int(doc_find(o, key));
}

static void
add_entry(struct table *t, const struct doc *files, const struct doc *x)
{
	const struct doc *f = doc_at(files, number_of(x, "file"));
	char text[4][OUTPUT_WORD];
	int64_t from = number_of(x, "block") * LAYERFS_PROFILE_BLOCK;

	snprintf(text[0], OUTPUT_WORD, "%" PRId64, number_of(f, "layer"));
	snprintf(text[1], OUTPUT_WORD, "%" PRId64, from);
	snprintf(text[2], OUTPUT_WORD, "%" PRId64, number_of(x, "runs"));
	snprintf(text[3], OUTPUT_WORD, "%" PRId64, number_of(x, "missed"));
	table_add(t, text[0]);
	table_add(t, text[1]);
	table_add(t, SIZE_TEXT(number_of(x, "blocks") * LAYERFS_PROFILE_BLOCK));
	table_add(t, text[2]);
	table_add(t, text[3]);
	table_add(t, doc_string(doc_find(f, "path")));
}

static int
finish_show(struct session *s, const struct doc *result, struct err *e)
{
	static const char *const heads[] = { "LAYER", "FROM", "SIZE", "RUNS",
		"MISSED", "FILE" };
	const struct doc *entries = doc_find(result, "entries");
	const struct doc *profile = doc_find(result, "profile");
	AUTO_TABLE struct table t;

	(void)s;
	(void)e;
	report_text("Image", doc_string(doc_find(result, "image")));
	report_number("Runs", number_of(profile, "runs"));
	report_text("Recorded",
	    AGE_TEXT(clock_wall_s() - number_of(profile, "recorded")));
	report_number("Files", number_of(profile, "files"));
	report_size("Size", number_of(profile, "size"));
	table_init(&t, heads, 6, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4);
	for (size_t i = 0; i < doc_count(entries); i++)
		add_entry(&t, doc_find(result, "files"), doc_at(entries, i));
	putchar('\n');
	table_print(&t, stdout);
	return 0;
}

/* ---- export, import ---- */

static bool
is_standard(const char *file)
{
	return strcmp(file, "-") == 0;
}

static int
finish_export(struct session *s, const struct doc *result, struct err *e)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_PROFILE_BYTES);
	const char *file = s->args->operands[2], *text;

	if (doc_get_string(result, "data", &text, e) < 0 ||
	    base64_decode(&bytes, text, strlen(text), e) < 0)
		return -1;
	if (!is_standard(file))
		return fs_replace_file(
		    AT_FDCWD, file, bytes.data, bytes.len, 0666, e);
	if (fwrite(bytes.data, 1, bytes.len, stdout) != bytes.len ||
	    fflush(stdout) != 0)
		return err_sys(e, "standard output");
	return 0;
}

static int
read_standard(struct buf *out, struct err *e)
{
	uint8_t part[4096];
	size_t n;

	while ((n = fread(part, 1, sizeof part, stdin)) > 0)
		if (buf_append(out, part, n, e) < 0)
			return -1;
	return ferror(stdin) ? err_sys(e, "standard input") : 0;
}

static int
prepare_import(struct session *s, struct request *r, struct err *e)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_PROFILE_BYTES);
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONTROL_MESSAGE_BYTES);
	const char *file = s->args->operands[2];
	int rc = is_standard(file) ? read_standard(&bytes, e)
				   : fs_read_file(AT_FDCWD, file, &bytes, e);

	if (rc < 0 || base64_encode(&text, bytes.data, bytes.len, e) < 0)
		return -1;
	doc_set_string(r->doc, "data", buf_str(&text));
	return 0;
}

static int
finish_import(struct session *s, const struct doc *result, struct err *e)
{
	const struct doc *p = doc_find(result, "profile");

	(void)e;
	if (!s->is_quiet)
		printf("%" PRId64 " files, %s, of %" PRId64 " runs\n",
		    number_of(p, "files"), SIZE_TEXT(number_of(p, "size")),
		    number_of(p, "runs"));
	return 0;
}

/* ---- record, rm ---- */

static int
finish_record(struct session *s, const struct doc *result, struct err *e)
{
	(void)result;
	(void)e;
	if (!s->is_quiet)
		puts("recording from the next read on");
	return 0;
}

static int
finish_rm(struct session *s, const struct doc *result, struct err *e)
{
	(void)e;
	if (!s->is_quiet)
		puts(doc_bool(doc_find(result, "removed")) ? "removed"
							   : "there was none");
	return 0;
}

/* ---- push ---- */

static int
finish_push(struct session *s, const struct doc *result, struct err *e)
{
	(void)e;
	publish_report(result, s->is_quiet);
	return 0;
}

/* ---- all of them ---- */

static const struct action actions[] = {
	{ "show", "profile_show", false, NULL, finish_show },
	{ "export", "profile_export", true, NULL, finish_export },
	{ "import", "profile_import", true, prepare_import, finish_import },
	{ "record", "profile_record", false, NULL, finish_record },
	{ "rm", "profile_rm", false, NULL, finish_rm },
	{ "push", "profile_push", false, NULL, finish_push },
};

static const struct action *
find_action(const struct arguments *a, struct err *e)
{
	const char *name = a->operands[0];

	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		const struct action *x = &actions[i];

		if (strcmp(x->name, name) != 0)
			continue;
		if (a->n_operands == (x->has_file ? 3 : 2))
			return x;
		err_set(e, EINVAL, "profile %s takes %s", name,
		    x->has_file ? "REF and FILE" : "REF");
		return NULL;
	}
	err_set(e, EINVAL,
	    "\"%.80s\" is not show, export, import, record, rm or push", name);
	return NULL;
}

/* Who asks for a profile to be published has been told why there is none; `push`, which
 * publishes what there is, has not failed. */
static struct doc *
refuse_nothing(struct doc *take, struct err *e)
{
	const char *why = doc_string(doc_find(take, "why"));

	if (why == NULL)
		return take;
	err_set(e, ENOENT, "%.200s", why);
	doc_unref(take);
	return NULL;
}

static struct doc *
act(struct session *s, const struct action *x, struct err *e)
{
	AUTO_REQUEST struct request r;
	struct doc *result;

	request_init(&r, x->op);
	if (request_set_image(&r, s->args, s->args->operands[1], e) < 0 ||
	    (x->prepare != NULL && x->prepare(s, &r, e) < 0) ||
	    session_connect(s, SESSION_START, e) < 0)
		return NULL;
	result = session_call(s, &r, e);
	return x->finish == finish_push ? refuse_nothing(result, e) : result;
}

int
cmd_profile(struct session *s)
{
	const char *text = s->args->operands[1];
	AUTO_DOC struct doc *result = NULL;
	const struct action *x;
	struct err e;
	bool is_json;

	x = find_action(s->args, &e);
	if (x == NULL)
		return session_misuse(s->args->command, &e);
	/* What is exported goes to its file, whatever else is printed. */
	is_json = s->is_json && x->finish != finish_export;
	result = act(s, x, &e);
	if (result == NULL || (!is_json && x->finish(s, result, &e) < 0))
		return session_fail(s, &e, "profile %s %s%s%s", x->name, text,
		    x->has_file ? " " : "",
		    x->has_file ? s->args->operands[2] : "");
	if (is_json)
		output_json(result);
	return STATUS_DONE;
}
