#include "runtime/messages.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/labels.h"
#include "runtime/snapshotter.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

/* A request of 16 MiB could ask for twenty times as much: an empty label is two
 * bytes of it. */
#define UNPACKED_BYTES_MAX MIB(64)

/* ---- unpacking ---- */

static void *
allocate(void *ctx, size_t n)
{
	size_t *left = ctx;

	if (n > *left)
		return NULL;
	*left -= n;
	return malloc(n);
}

static void
release(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

void *
message_unpack(
    const ProtobufCMessageDescriptor *d, const void *p, size_t n, struct err *e)
{
	size_t left = UNPACKED_BYTES_MAX;
	ProtobufCAllocator a = { allocate, release, &left };
	void *m = protobuf_c_message_unpack(d, &a, n, p);

	if (m == NULL)
		err_set(e, EINVAL, "the request is no %s", d->short_name);
	return m;
}

void
message_free(ProtobufCMessage *m)
{
	ProtobufCAllocator a = { allocate, release, NULL };

	if (m != NULL)
		protobuf_c_message_free_unpacked(m, &a);
}

struct doc *
message_read_labels(
    MESSAGE(LabelsEntry) *const *entries, size_t n, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_new_object();

	for (size_t i = 0; i < n; i++)
		if (labels_set(labels, entries[i]->key, entries[i]->value, e) <
		    0)
			return NULL;
	return take_ptr(&labels);
}

/* ---- packing ---- */

int
message_pack(const ProtobufCMessage *m, struct buf *out, struct err *e)
{
	size_t n = protobuf_c_message_get_packed_size(m);

	if (buf_reserve(out, n, e) < 0)
		return -1;
	if (n > 0)
		protobuf_c_message_pack(m, out->data + out->len);
	out->len += n;
	return 0;
}

static MESSAGE(Timestamp) timestamp(int64_t ns)
{
	MESSAGE(Timestamp) t = MESSAGE_INIT(TIMESTAMP);

	t.seconds = ns / (int64_t)NS_PER_S;
	t.nanos = ns % (int64_t)NS_PER_S;
	return t;
}

static size_t
fill_labels(struct doc *labels, MESSAGE(LabelsEntry) * entries,
    MESSAGE(LabelsEntry) * *at)
{
	size_t n = 0;

	doc_for_each(labels, key, v) {
		entries[n] = (MESSAGE(LabelsEntry))MESSAGE_INIT(LABELS_ENTRY);
		entries[n].key = (char *)key;
		entries[n].value = (char *)doc_string(v);
		at[n] = &entries[n];
		n++;
	}
	return n;
}

static int
pack_in(enum info_holder holder, MESSAGE(Info) * info, struct buf *out,
    struct err *e)
{
	MESSAGE(StatResponse) stat = MESSAGE_INIT(STAT_RESPONSE);
	MESSAGE(UpdateResponse) update = MESSAGE_INIT(UPDATE_RESPONSE);
	MESSAGE(ListResponse) list = MESSAGE_INIT(LIST_RESPONSE);

	switch (holder) {
	case INFO_STAT:
		stat.info = info;
		return message_pack(&stat.base, out, e);
	case INFO_UPDATE:
		update.info = info;
		return message_pack(&update.base, out, e);
	case INFO_LIST:
		list.info = &info;
		list.n_info = 1;
		return message_pack(&list.base, out, e);
	}
	return -1;
}

int
message_pack_info(enum info_holder holder, const struct snapshot_info *i,
    struct buf *out, struct err *e)
{
	MESSAGE(Info) info = MESSAGE_INIT(INFO);
	MESSAGE(Timestamp) created = timestamp(i->created_ns);
	MESSAGE(Timestamp) updated = timestamp(i->updated_ns);
	MESSAGE(LabelsEntry) entries[LABELS_MAX], *at[LABELS_MAX];

	info.name = i->name;
	info.parent = i->parent;
	info.kind = (MESSAGE(Kind))i->kind;
	info.created_at = &created;
	info.updated_at = &updated;
	info.labels = at;
	info.n_labels = fill_labels(i->labels, entries, at);
	return pack_in(holder, &info, out, e);
}

int
message_pack_mount(
    const struct snapshot_mount *m, struct buf *out, struct err *e)
{
	MESSAGE(MountsResponse) reply = MESSAGE_INIT(MOUNTS_RESPONSE);
	MESSAGE(Mount) mount = MESSAGE_INIT(MOUNT), *mounts = &mount;

	mount.type = (char *)m->type;
	mount.source = m->source;
	mount.options = (char **)m->options;
	mount.n_options = m->n_options;
	reply.mounts = &mounts;
	reply.n_mounts = 1;
	return message_pack(&reply.base, out, e);
}
