#include "convert/layer_job.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "convert/blob_reader.h"
#include "convert/destination.h"
#include "convert/earlier.h"
#include "convert/growing_file.h"
#include "convert/kept_layer.h"
#include "convert/plan.h"
#include "convert/press.h"
#include "convert/recompress.h"
#include "registry/reference.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/thread.h"

enum { SAMPLE_BYTES = 4 << 20 };

/* All in bytes of the blob that was: what an upload becomes is not known at the
 * start. */
struct progress {
	const struct layer_job *job;
	const struct plan_layer *layer;
	struct growing_file *growing; /* NULL: it is sent when it is complete */
	_Atomic uint64_t read, sent;
	_Atomic bool is_over; /* nobody wants the blob any more */
};

static void
tell(const struct progress *p)
{
	const struct conversion *c = p->job->conversion;
	const struct descriptor *from = &p->layer->from;

	if (c->on_progress != NULL)
		c->on_progress(c->ctx, &from->digest, p->read + p->sent,
		    p->job->to->ops->is_remote ? 2 * from->size : from->size);
}

static void
on_read(void *ctx, uint64_t bytes, uint64_t written)
{
	struct progress *p = ctx;

	p->read = bytes;
	if (p->growing != NULL)
		growing_file_grow(p->growing, written);
	if (*p->job->is_cancelled)
		p->is_over = true;
	tell(p);
}

static void
on_sent(void *ctx, uint64_t bytes)
{
	struct progress *p = ctx;
	uint64_t written = p->growing != NULL ? growing_file_size(p->growing)
					      : p->layer->to.size;

	p->sent = (double)bytes / max_u64(written, 1) * p->read;
	tell(p);
}

/* ---- what needs no conversion ---- */

static struct making
making_of(const struct layer_job *j, const struct plan_layer *l)
{
	return (struct making){
		.from = &l->from,
		.level = press_level(j->press),
		.wish = &l->wish.digest,
	};
}

static int
find_earlier(const struct layer_job *j, struct plan_layer *l, bool *is_found,
    struct err *e)
{
	const struct making m = making_of(j, l);
	const struct descriptor *d = NULL;

	*is_found = false;
	if (!j->conversion->is_forced && j->earlier != NULL)
		d = earlier_find(j->earlier, &m, &l->new_diff_id);
	if (d == NULL)
		return 0;
	if (j->to->ops->find_blob(j->to, &d->digest, d->size, is_found, e) < 0)
		return -1;
	if (!*is_found)
		return 0;
	l->way = LAYER_REUSED;
	return descriptor_copy(&l->to, d, e);
}

static int
find_kept(const struct layer_job *j, struct plan_layer *l, bool *is_kept,
    struct err *e)
{
	*is_kept = false;
	if (l->wish.n > 0)
		return 0;
	if (kept_layer_check(j->source, &l->from, is_kept, e) < 0)
		return -1;
	if (!*is_kept)
		return 0;
	l->way = LAYER_KEPT;
	return descriptor_copy(&l->to, &l->from, e);
}

/* The blob into a file, verified. */
static int
copy_pieces(const struct layer_job *j, struct blob_reader *r, int fd,
    struct progress *p, struct err *e)
{
	const struct descriptor *from = &p->layer->from;
	AUTO_HASHER struct hasher *h = hasher_new();
	struct digest is;
	uint64_t off = 0;
	int rc;

	for (;;) {
		AUTO_FREE struct parcel *x = NULL;

		rc = blob_reader_next(r, &x, e);
		if (rc <= 0)
			break;
		if (*j->is_cancelled)
			return err_set(e, ECANCELED, "cancelled");
		if (fs_pwrite(fd, x->bytes, x->len, off, e) < 0)
			return -1;
		hasher_update(h, x->bytes, x->len);
		off += x->len;
		on_read(p, off, off);
	}
	if (rc < 0)
		return -1;
	hasher_end(h, &is);
	if (!digest_equal(&is, &from->digest))
		return err_set(e, EBADMSG, "its bytes have the digest %s",
		    DIGEST_TEXT(&is));
	return 0;
}

/* Another repository of the registry may give the blob to ours without a byte
 * sent. */
static const char *
mount_from(const struct conversion *c)
{
	if (c->from->is_layout || c->to->is_layout ||
	    strcmp(c->from->host, c->to->host) != 0)
		return NULL;
	return c->from->repository;
}

static int
put_file(struct progress *p, int fd, const char *mount_from, struct err *e)
{
	const struct layer_job *j = p->job;
	struct blob_file f = {
		.growing = p->growing,
		.fd = fd,
		.mount_from = mount_from,
		.on_progress = on_sent,
		.ctx = p,
		.is_cancelled = j->is_cancelled,
	};

	if (p->growing == NULL) {
		f.digest = p->layer->to.digest;
		f.size = p->layer->to.size;
	}
	return j->to->ops->put_file(j->to, &f, e);
}

static int
copy_kept(const struct layer_job *j, struct plan_layer *l, struct err *e)
{
	struct progress p = { .job = j, .layer = l };
	struct blob_reader r;
	AUTO_CLOSE int fd = -1;
	bool is_there;
	int rc;

	if (j->to->ops->find_blob(
		j->to, &l->to.digest, l->to.size, &is_there, e) < 0)
		return -1;
	if (is_there)
		return 0;
	fd = j->to->ops->new_file(j->to, e);
	if (fd < 0)
		return -1;
	blob_reader_open(&r, j->source, &l->from, l->from.size);
	rc = copy_pieces(j, &r, fd, &p, e);
	blob_reader_close(&r);
	return rc < 0 ? -1 : put_file(&p, fd, mount_from(j->conversion), e);
}

/* ---- conversion ---- */

static int
make(struct progress *p, struct plan_layer *l, int fd, struct err *e)
{
	const struct layer_job *j = p->job;
	const struct making m = making_of(j, l);
	AUTO_CLOSE int spool =
	    l->wish.n > 0 ? j->to->ops->new_file(j->to, e) : -1;
	const struct recompress r = {
		.source = j->source,
		.layer = &l->from,
		.diff_id = &l->diff_id,
		.press = j->press,
		.fd = fd,
		.wish = l->wish.n > 0 ? &l->wish : NULL,
		.spool_fd = spool,
		.on_progress = on_read,
		.ctx = p,
		.is_cancelled = &p->is_over,
	};
	struct recompressed made = { 0 };

	if ((l->wish.n > 0 && spool < 0) || recompress(&r, &made, e) < 0)
		return -1;
	l->way = LAYER_CONVERTED;
	l->misfit = made.misfit;
	l->to = made.descriptor;
	l->new_diff_id = made.diff_id;
	return earlier_annotate(&l->to, &m, &l->new_diff_id, e);
}

struct sending {
	struct progress *progress;
	int fd;
	int rc;
	struct err failure;
};

static void *
run_sending(void *arg)
{
	struct sending *s = arg;

	s->rc = put_file(s->progress, s->fd, NULL, &s->failure);
	if (s->rc < 0)
		s->progress->is_over = true;
	return NULL;
}

/* The layer's blob is sent while it is made: what one of both fails by ends the
 * other, which has only ECANCELED to say then. */
static int
make_and_send(struct progress *p, struct plan_layer *l, int fd, struct err *e)
{
	struct sending s = { .progress = p, .fd = fd };
	struct growing_file growing;
	pthread_t thread;
	int rc;

	growing_file_init(&growing, fd);
	p->growing = &growing;
	rc = thread_start(&thread, "sender", run_sending, &s, e);
	if (rc == 0) {
		rc = make(p, l, fd, e);
		growing_file_end(&growing, rc == 0);
		pthread_join(thread, NULL);
		if (s.rc < 0 && (rc == 0 || e->code == ECANCELED)) {
			*e = s.failure;
			rc = -1;
		}
	}
	growing_file_release(&growing);
	return rc;
}

static int
convert(const struct layer_job *j, struct plan_layer *l, struct err *e)
{
	struct progress p = { .job = j, .layer = l };
	AUTO_CLOSE int fd = j->to->ops->new_file(j->to, e);
	bool is_there;

	if (fd < 0)
		return -1;
	if (j->is_first)
		return make_and_send(&p, l, fd, e);
	if (make(&p, l, fd, e) < 0 ||
	    j->to->ops->find_blob(
		j->to, &l->to.digest, l->to.size, &is_there, e) < 0)
		return -1;
	return is_there ? 0 : put_file(&p, fd, NULL, e);
}

static int
run(const struct layer_job *j, struct plan_layer *l, struct err *e)
{
	bool is_done;

	if (find_earlier(j, l, &is_done, e) < 0)
		return -1;
	if (is_done)
		return 0;
	if (find_kept(j, l, &is_done, e) < 0)
		return -1;
	return is_done ? copy_kept(j, l, e) : convert(j, l, e);
}

int
layer_job_run(const struct layer_job *j, struct plan_layer *l, struct err *e)
{
	if (run(j, l, e) == 0)
		return 0;
	return err_wrap(e, "layer %s", DIGEST_TEXT(&l->from.digest));
}

/* ---- an estimate ---- */

/* A small one is made; a larger one goes on as its first megabytes do. */
static int
estimate(const struct layer_job *j, struct plan_layer *l, uint64_t *ms,
    struct err *e)
{
	bool is_sample = l->from.size > SAMPLE_BYTES;
	const struct recompress r = {
		.source = j->source,
		.layer = &l->from,
		.diff_id = &l->diff_id,
		.press = j->press,
		.fd = -1,
		.sample_bytes = is_sample ? SAMPLE_BYTES : 0,
	};
	struct recompressed made = { 0 };
	uint64_t start = clock_now_ns();
	double parts = is_sample ? (double)l->from.size / SAMPLE_BYTES : 1;
	double of_tar = 1;

	if (recompress(&r, &made, e) < 0)
		return -1;
	if (is_sample && made.sampled_bytes > 0)
		of_tar = (double)made.tar_bytes / made.sampled_bytes;
	l->way = LAYER_CONVERTED;
	l->misfit = made.misfit;
	l->to.size = made.descriptor.size * of_tar * parts;
	*ms = (clock_now_ns() - start) / NS_PER_MS * parts;
	descriptor_release(&made.descriptor);
	return 0;
}

int
layer_job_estimate(const struct layer_job *j, struct plan_layer *l,
    uint64_t *ms, struct err *e)
{
	bool is_done = false;

	*ms = 0;
	if (j->to != NULL && find_earlier(j, l, &is_done, e) < 0)
		return -1;
	if (is_done)
		return 0;
	if (find_kept(j, l, &is_done, e) < 0)
		return -1;
	return is_done ? 0 : estimate(j, l, ms, e);
}
