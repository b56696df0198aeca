#include "runtime/service.h"

#include <errno.h>

#include "runtime/messages.h"
#include "runtime/snapshotter.h"
#include "base/bytes.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

enum { LIST_BATCH = 100, LIST_BATCH_BYTES = 1 << 20 };

/* ---- answers ---- */

static enum grpc_status
status_of(int code)
{
	switch (code) {
	case EINVAL:
		return GRPC_INVALID_ARGUMENT;
	case ENOENT:
		return GRPC_NOT_FOUND;
	case EEXIST:
		return GRPC_ALREADY_EXISTS;
	case EBUSY:
		return GRPC_FAILED_PRECONDITION;
	case ENOTSUP:
		return GRPC_UNIMPLEMENTED;
	case EAGAIN:
		return GRPC_UNAVAILABLE;
	case ECANCELED:
		return GRPC_CANCELLED;
	case ETIMEDOUT:
		return GRPC_DEADLINE_EXCEEDED;
	default:
		return GRPC_UNKNOWN;
	}
}

static void
fail(struct grpc_call *c, const struct err *e)
{
	enum grpc_status status = status_of(e->code);

	if (status == GRPC_UNKNOWN)
		log_warn("%s: %s", grpc_call_path(c), e->msg);
	grpc_call_finish(c, status, e->msg);
}

/* What every unary method is: a request, the work, its reply. */
typedef int work(struct snapshotter *s, const ProtobufCMessage *request,
    struct buf *reply, struct err *e);

static void
run(const struct service *s, struct grpc_call *c,
    const ProtobufCMessageDescriptor *d, work *fn)
{
	struct err e = ERR_INIT;
	AUTO_BUF struct buf reply = BUF_INIT(LIMIT_GRPC_MESSAGE_BYTES);
	AUTO_MESSAGE ProtobufCMessage *request = NULL;
	size_t n;
	const uint8_t *p = grpc_call_request(c, &n);

	request = message_unpack(d, p, n, &e);
	if (request == NULL || fn(s->snapshotter, request, &reply, &e) < 0)
		fail(c, &e);
	else
		grpc_call_reply(c, reply.data, reply.len);
}

#define METHOD(name, request)                                   \
	static void run_##name(void *ctx, struct grpc_call *c)  \
	{                                                       \
		run(ctx, c, DESCRIPTOR(request), name##_reply); \
	}

/* ---- prepare, view, mounts ---- */

static int
make(struct snapshotter *s, enum snapshot_kind kind,
    const ProtobufCMessage *request, struct buf *reply, struct err *e)
{
	const MESSAGE(PrepareRequest) *r = (const void *)request;
	AUTO_DOC struct doc *labels =
	    message_read_labels(r->labels, r->n_labels, e);
	AUTO_SNAPSHOT_MOUNT struct snapshot_mount m = { 0 };
	struct snapshot_request q = { kind, r->key, r->parent, labels };

	if (labels == NULL || snapshotter_prepare(s, &q, &m, e) < 0)
		return -1;
	return message_pack_mount(&m, reply, e);
}

static int
prepare_reply(struct snapshotter *s, const ProtobufCMessage *request,
    struct buf *reply, struct err *e)
{
	return make(s, SNAPSHOT_ACTIVE, request, reply, e);
}

static int
view_reply(struct snapshotter *s, const ProtobufCMessage *request,
    struct buf *reply, struct err *e)
{
	return make(s, SNAPSHOT_VIEW, request, reply, e);
}

static int
mounts_reply(struct snapshotter *s, const ProtobufCMessage *request,
    struct buf *reply, struct err *e)
{
	const MESSAGE(KeyRequest) *r = (const void *)request;
	AUTO_SNAPSHOT_MOUNT struct snapshot_mount m = { 0 };

	if (snapshotter_mounts(s, r->key, &m, e) < 0)
		return -1;
	return message_pack_mount(&m, reply, e);
}

/* ---- commit, remove, cleanup ---- */

static int
commit_reply(struct snapshotter *s, const ProtobufCMessage *request,
    struct buf *reply, struct err *e)
{
	const MESSAGE(CommitRequest) *r = (const void *)request;
	AUTO_DOC struct doc *labels =
	    message_read_labels(r->labels, r->n_labels, e);

	(void)reply;
	if (labels == NULL)
		return -1;
	/* Only clients that were told of a "rebase" capability send one. */
	if (*r->parent != 0)
		return err_set(e, ENOTSUP, "a commit cannot change the parent");
	return snapshotter_commit(s, r->key, r->name, labels, e);
}

static int
remove_reply(struct snapshotter *s, const ProtobufCMessage *request,
    struct buf *reply, struct err *e)
{
	const MESSAGE(KeyRequest) *r = (const void *)request;

	(void)reply;
	return snapshotter_remove(s, r->key, e);
}

static int
cleanup_reply(struct snapshotter *s, const ProtobufCMessage *request,
    struct buf *reply, struct err *e)
{
	(void)request;
	(void)reply;
	return snapshotter_cleanup(s, e);
}

/* ---- stat, update, usage ---- */

static int
stat_reply(struct snapshotter *s, const ProtobufCMessage *request,
    struct buf *reply, struct err *e)
{
	const MESSAGE(KeyRequest) *r = (const void *)request;
	AUTO_SNAPSHOT_INFO struct snapshot_info i = { 0 };

	if (snapshotter_stat(s, r->key, &i, e) < 0)
		return -1;
	return message_pack_info(INFO_STAT, &i, reply, e);
}

static int
update_reply(struct snapshotter *s, const ProtobufCMessage *request,
    struct buf *reply, struct err *e)
{
	const MESSAGE(UpdateRequest) *r = (const void *)request;
	AUTO_DOC struct doc *labels = NULL;
	AUTO_SNAPSHOT_INFO struct snapshot_info i = { 0 };
	struct snapshot_update u = { 0 };

	if (r->info == NULL)
		return err_set(e, EINVAL, "an update without info");
	labels = message_read_labels(r->info->labels, r->info->n_labels, e);
	if (labels == NULL)
		return -1;
	u.name = r->info->name;
	u.labels = labels;
	if (r->update_mask != NULL) {
		u.fields = (const char *const *)r->update_mask->paths;
		u.n_fields = r->update_mask->n_paths;
	}
	if (snapshotter_update(s, &u, &i, e) < 0)
		return -1;
	return message_pack_info(INFO_UPDATE, &i, reply, e);
}

static int
usage_reply(struct snapshotter *s, const ProtobufCMessage *request,
    struct buf *reply, struct err *e)
{
	const MESSAGE(KeyRequest) *r = (const void *)request;
	MESSAGE(UsageResponse) m = MESSAGE_INIT(USAGE_RESPONSE);
	struct snapshot_usage u;

	if (snapshotter_usage(s, r->key, &u, e) < 0)
		return -1;
	m.size = u.bytes;
	m.inodes = u.inodes;
	return message_pack(&m.base, reply, e);
}

/* ---- list, the one that streams ---- */

struct listing {
	struct grpc_call *call;
	struct buf batch;
	size_t n; /* infos in it */
	struct err *e;
};

static int
send_batch(struct listing *l)
{
	if (l->n == 0)
		return 0;
	if (grpc_call_send(l->call, l->batch.data, l->batch.len, l->e) < 0)
		return -1;
	l->batch.len = 0;
	l->n = 0;
	return 0;
}

static int
list_info(void *ctx, const struct snapshot_info *i)
{
	struct listing *l = ctx;

	if (message_pack_info(INFO_LIST, i, &l->batch, l->e) < 0)
		return -1;
	l->n++;
	if (l->n < LIST_BATCH && l->batch.len < LIST_BATCH_BYTES)
		return 0;
	return send_batch(l);
}

static void
run_list(void *ctx, struct grpc_call *c)
{
	const struct service *s = ctx;
	struct err e = ERR_INIT;
	struct listing l = { c, BUF_INIT(LIMIT_GRPC_MESSAGE_BYTES), 0, &e };
	AUTO_MESSAGE MESSAGE(ListRequest) *r = NULL;
	size_t n;
	const uint8_t *p = grpc_call_request(c, &n);

	r = message_unpack(DESCRIPTOR(list_request), p, n, &e);
	if (r == NULL ||
	    snapshotter_list(s->snapshotter, (const char *const *)r->filters,
		r->n_filters, list_info, &l, &e) < 0 ||
	    send_batch(&l) < 0)
		fail(c, &e);
	else
		grpc_call_finish(c, GRPC_OK, NULL);
	buf_release(&l.batch);
}

/* ---- the table ---- */

METHOD(prepare, prepare_request)
METHOD(view, prepare_request)
METHOD(mounts, key_request)
METHOD(commit, commit_request)
METHOD(remove, key_request)
METHOD(cleanup, cleanup_request)
METHOD(stat, key_request)
METHOD(update, update_request)
METHOD(usage, key_request)

#define PATH(name) "/containerd.services.snapshots.v1.Snapshots/" name

const struct grpc_method service_methods[SERVICE_METHODS] = {
	{ PATH("Prepare"), run_prepare },
	{ PATH("View"), run_view },
	{ PATH("Mounts"), run_mounts },
	{ PATH("Commit"), run_commit },
	{ PATH("Remove"), run_remove },
	{ PATH("Cleanup"), run_cleanup },
	{ PATH("Stat"), run_stat },
	{ PATH("Update"), run_update },
	{ PATH("Usage"), run_usage },
	{ PATH("List"), run_list },
};
