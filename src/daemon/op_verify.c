/* verify: what the store has, compared with what it should be. */
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/image_arguments.h"
#include "daemon/ops.h"
#include "mount/stale.h"
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
	struct stale stale;
	struct err failure; /* of noting what is stale */
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
on_dropped(void *ctx, uint64_t data_off, uint64_t len)
{
	struct telling *t = ctx;

	stale_note(&t->stale, data_off, len, &t->failure);
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

/* What was dropped must not be seen either. */
static int
drop_cached(struct telling *t, unsigned *n_kept, struct err *e)
{
	if (t->failure.code == 0 &&
	    stale_drop(&t->stale, t->request->daemon->showings, n_kept,
		&t->failure) == 0)
		return 0;
	*e = t->failure;
	return err_wrap(e, "what was wrong is dropped, but mounted images may "
			   "show it still");
}

static int
verify(struct telling *t, const struct verify_request *q, struct doc *result,
    struct err *e)
{
	struct verify_totals totals;
	unsigned n_kept;

	if (catalog_verify(t->request->daemon->catalog, q, &totals, e) < 0 ||
	    drop_cached(t, &n_kept, e) < 0)
		return -1;
	doc_set_int(result, "checked_bytes", totals.checked_bytes);
	doc_set_int(result, "unchecked_bytes", totals.unchecked_bytes);
	doc_set_int(result, "wrong", totals.wrong);
	doc_set_int(result, "repaired", totals.repaired);
	doc_set_int(result, "mapped_files", n_kept);
	return 0;
}

int
op_verify(struct request *r, struct doc *result, struct err *e)
{
	struct telling t = { .request = r, .findings = doc_new_array() };
	struct verify_request q = {
		.bytes_per_s = BYTES_PER_S,
		.is_cancelled = request_is_cancelled(r),
		.on_finding = on_finding,
		.on_dropped = on_dropped,
		.on_progress = on_progress,
		.ctx = &t,
	};
	struct digest manifest;
	bool has_one;
	int rc;

	doc_set(result, "findings", t.findings);
	if (doc_find_bool(r->arguments, "repair", &q.is_repair, e) < 0 ||
	    find_image(r, &manifest, &has_one, e) < 0)
		return -1;
	q.manifest = has_one ? &manifest : NULL;
	rc = verify(&t, &q, result, e);
	stale_release(&t.stale);
	return rc;
}
