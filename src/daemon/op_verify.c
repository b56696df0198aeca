/* verify: what the store has, compared with what it should be. */
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/image_arguments.h"
#include "daemon/ops.h"
#include "layer/catalog.h"
#include "layer/verify.h"
#include "registry/reference.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

/* Beside what else is read and written. */
#define BYTES_PER_S MIB(256)
#define TELL_NS (NS_PER_S / 10)

/* More are counted and logged. */
enum { FINDINGS_MAX = 1000 };

struct telling {
	struct request *request;
	struct doc *findings;
	uint64_t tell_at_ns;
};

static void
on_finding(void *ctx, const struct finding *f)
{
	struct telling *t = ctx;
	struct doc *o;

	if (doc_count(t->findings) >= FINDINGS_MAX)
		return;
	o = doc_new_object();
	doc_set_string(o, "reference", f->image);
	doc_set_string(o, "path", f->path);
	doc_set_string(o, "what", f->what);
	doc_set_bool(o, "repaired", f->is_repaired);
	doc_append(t->findings, o);
}

static void
on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct telling *t = ctx;
	uint64_t now = clock_now_ns();
	struct doc *event;

	if (now < t->tell_at_ns)
		return;
	t->tell_at_ns = now + TELL_NS;
	event = doc_new_object();
	doc_set_string(event, "event", "progress");
	doc_set_string(event, "stage", "verify");
	doc_set_int(event, "done", done);
	doc_set_int(event, "total", total);
	request_send_event(t->request, event);
}

/* *manifest is set where the request names an image. */
static int
find_image(
    struct request *r, struct digest *manifest, bool *has_one, struct err *e)
{
	AUTO_REFERENCE struct reference ref = { 0 };
	int64_t resolved_s;

	*has_one = doc_find(r->arguments, "reference") != NULL;
	if (!*has_one)
		return 0;
	if (arguments_reference(r, &ref, e) < 0)
		return -1;
	return catalog_find_image(
	    r->daemon->catalog, ref.name, manifest, &resolved_s, e);
}

int
op_verify(struct request *r, struct doc *result, struct err *e)
{
	struct telling t = { .request = r, .findings = doc_new_array() };
	struct verify_request q = {
		.bytes_per_s = BYTES_PER_S,
		.is_cancelled = request_is_cancelled(r),
		.on_finding = on_finding,
		.on_progress = on_progress,
		.ctx = &t,
	};
	struct verify_totals totals;
	struct digest manifest;
	bool has_one;

	doc_set(result, "findings", t.findings);
	if (doc_find_bool(r->arguments, "repair", &q.is_repair, e) < 0 ||
	    find_image(r, &manifest, &has_one, e) < 0)
		return -1;
	q.manifest = has_one ? &manifest : NULL;
	if (catalog_verify(r->daemon->catalog, &q, &totals, e) < 0)
		return -1;
	doc_set_int(result, "checked_bytes", totals.checked_bytes);
	doc_set_int(result, "unchecked_bytes", totals.unchecked_bytes);
	doc_set_int(result, "wrong", totals.wrong);
	doc_set_int(result, "repaired", totals.repaired);
	return 0;
}
