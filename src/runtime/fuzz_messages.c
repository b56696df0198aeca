#include <stdint.h>

#include "runtime/messages.h"
#include "base/doc.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool has_unknown(const ProtobufCMessage *m);

static bool
has_unknown_in(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const uint8_t *at = (const uint8_t *)m + f->offset;
	const uint8_t *n_at = (const uint8_t *)m + f->quantifier_offset;
	ProtobufCMessage *const *list = (const void *)at;
	size_t n = 1;

	if (f->type != PROTOBUF_C_TYPE_MESSAGE)
		return false;
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		list = *(ProtobufCMessage *const *const *)(const void *)at;
		n = *(const size_t *)(const void *)n_at;
	}
	for (size_t i = 0; i < n; i++)
		if (list[i] != NULL && has_unknown(list[i]))
			return true;
	return false;
}

/* Which we never send: protobuf-c takes a field of number 0, if it is written
 * strangely, and packs it as one that it does not take. */
static bool
has_unknown(const ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++)
		if (has_unknown_in(m, &m->descriptor->fields[i]))
			return true;
	return m->n_unknown_fields > 0;
}

/* What was unpacked is packed, and is then understood again. */
static void
round_trip(const ProtobufCMessageDescriptor *d, const uint8_t *p, size_t n)
{
	struct err e = ERR_INIT;
	AUTO_MESSAGE ProtobufCMessage *m = message_unpack(d, p, n, &e);
	AUTO_MESSAGE ProtobufCMessage *again = NULL;
	AUTO_BUF struct buf out = BUF_INIT((size_t)1 << 30);

	if (m == NULL)
		return;
	if (message_pack(m, &out, &e) < 0)
		abort();
	if (has_unknown(m))
		return;
	again = message_unpack(d, out.data, out.len, &e);
	if (again == NULL)
		abort();
}

static void
read_labels(const uint8_t *p, size_t n)
{
	struct err e = ERR_INIT;
	AUTO_MESSAGE MESSAGE(PrepareRequest) *r =
	    message_unpack(DESCRIPTOR(prepare_request), p, n, &e);

	if (r != NULL)
		doc_unref(message_read_labels(r->labels, r->n_labels, &e));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	round_trip(DESCRIPTOR(prepare_request), p, n);
	round_trip(DESCRIPTOR(commit_request), p, n);
	round_trip(DESCRIPTOR(update_request), p, n);
	round_trip(DESCRIPTOR(list_request), p, n);
	round_trip(DESCRIPTOR(key_request), p, n);
	read_labels(p, n);
	return 0;
}
