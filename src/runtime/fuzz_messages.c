#include <stdint.h>

#include "runtime/messages.h"
#include "base/doc.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

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
