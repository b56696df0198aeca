#include "convert/blob_reader.h"

#include "base/descriptor.h"

static enum source_verdict
on_bytes(struct source_read *sr, const void *p, size_t n)
{
	struct blob_reader *r = container_of(sr, struct blob_reader, read);
	bool is_first;

	return intake_put(&r->intake, p, n, &is_first);
}

/* intake_end() is the last that touches the reader: it may be gone after. */
static void
on_done(struct source_read *sr, const struct err *failure)
{
	struct blob_reader *r = container_of(sr, struct blob_reader, read);

	guard_end(&r->guard);
	intake_end(&r->intake, failure);
}

void
blob_reader_open(struct blob_reader *r, struct source *s,
    const struct descriptor *blob, uint64_t len)
{
	*r = (struct blob_reader){
		.source = s,
		.read = {
			.blob = blob->digest,
			.blob_size = blob->size,
			.len = len,
			.priority = SOURCE_SOON,
			.on_bytes = on_bytes,
			.on_done = on_done,
		},
	};
	guard_init(&r->guard);
	intake_init(&r->intake);
	source_read(s, &r->read);
	guard_leave(&r->guard);
}

int
blob_reader_next(struct blob_reader *r, struct parcel **p, struct err *e)
{
	bool resume;

	*p = intake_wait(&r->intake, &resume);
	if (resume && guard_enter(&r->guard)) {
		source_resume(r->source, &r->read);
		guard_leave(&r->guard);
	}
	if (*p != NULL)
		return 1;
	if (r->intake.failure.code == 0)
		return 0;
	*e = r->intake.failure;
	return -1;
}

void
blob_reader_close(struct blob_reader *r)
{
	struct parcel *p;
	bool resume;

	intake_close(&r->intake);
	if (guard_enter(&r->guard)) {
		source_cancel(r->source, &r->read);
		guard_leave(&r->guard);
	}
	while ((p = intake_wait(&r->intake, &resume)) != NULL)
		free(p);
	guard_release(&r->guard);
	intake_release(&r->intake);
}
