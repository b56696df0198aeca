#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "convert/destination.h"
#include "convert/growing_file.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "registry/upload.h"
#include "base/err.h"
#include "base/list.h"

struct registry_destination {
	struct destination base;
	const struct reference *ref;
	struct repository repository;
};

static struct registry_destination *
of(struct destination *to)
{
	return container_of(to, struct registry_destination, base);
}

static int
read_manifest(struct destination *to, const struct digest *d, struct buf *out,
    struct err *e)
{
	const struct registry_question q = { .reference = of(to)->ref };

	return registry_read_document(
	    of(to)->repository.registry, &q, d, out, e);
}

static int
find_blob(struct destination *to, const struct digest *d, uint64_t size,
    bool *found, struct err *e)
{
	(void)size;
	return upload_find_blob(&of(to)->repository, d, found, e);
}

static int
find_names(struct destination *to, bool *found, struct err *e)
{
	return upload_find_tags(&of(to)->repository, found, e);
}

static int
new_file(struct destination *to, struct err *e)
{
	const char *folder = getenv("TMPDIR");

	(void)to;
	return nameless_file(
	    AT_FDCWD, folder != NULL && *folder != 0 ? folder : "/var/tmp", e);
}

/* ---- a file as an upload ---- */

struct file_reader {
	int fd;
	uint64_t off;
	const struct blob_file *file;
};

static ssize_t
read_some(void *ctx, void *p, size_t n, struct err *e)
{
	struct file_reader *r = ctx;
	ssize_t got = r->file->growing != NULL
			  ? growing_file_read(r->file->growing, r->off, p, n, e)
			  : pread(r->fd, p, n, r->off);

	if (got < 0)
		return r->file->growing != NULL
			   ? -1
			   : err_sys(e, "read what is to be uploaded");
	r->off += got;
	return got;
}

static int
rewind_file(void *ctx, struct err *e)
{
	struct file_reader *r = ctx;

	(void)e;
	r->off = 0;
	return 0;
}

static void
on_progress(void *ctx, uint64_t bytes)
{
	const struct blob_file *f = ((struct file_reader *)ctx)->file;

	if (f->on_progress != NULL)
		f->on_progress(f->ctx, bytes);
}

static int
put_file(struct destination *to, const struct blob_file *f, struct err *e)
{
	struct file_reader r = { .fd = f->fd, .file = f };
	const struct upload u = {
		.digest = f->growing != NULL ? NULL : &f->digest,
		.mount_from = f->mount_from,
		.read = read_some,
		.rewind = rewind_file,
		.on_progress = on_progress,
		.ctx = &r,
		.is_cancelled = f->is_cancelled,
	};
	struct uploaded done;

	return upload_blob(&of(to)->repository, &u, &done, e);
}

static int
put_bytes(struct destination *to, const void *p, size_t n, struct err *e)
{
	struct digest d;

	return upload_bytes(&of(to)->repository, p, n, NULL, &d, e);
}

static int
put_manifest(
    struct destination *to, const struct manifest_text *m, struct err *e)
{
	const struct upload_manifest u = {
		.tag = m->is_named ? of(to)->ref->tag : NULL,
		.media_type = m->media_type,
		.bytes = m->bytes,
		.len = m->len,
	};

	return upload_manifest(&of(to)->repository, &u, NULL, e);
}

static void
free_registry(struct destination *to)
{
	free(of(to));
}

static const struct destination_ops registry_ops = {
	.is_remote = true,
	.read_manifest = read_manifest,
	.find_blob = find_blob,
	.find_names = find_names,
	.new_file = new_file,
	.put_file = put_file,
	.put_bytes = put_bytes,
	.put_manifest = put_manifest,
	.free = free_registry,
};

struct destination *
destination_new_registry(
    const struct reference *ref, struct registry *r, struct err *e)
{
	struct registry_destination *d = calloc(1, sizeof *d);

	if (d == NULL) {
		err_set(e, ENOMEM, "a destination");
		return NULL;
	}
	d->base.ops = &registry_ops;
	d->ref = ref;
	d->repository = (struct repository){
		.registry = r,
		.host = ref->host,
		.path = ref->repository,
	};
	return &d->base;
}
