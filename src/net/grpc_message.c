#include "net/grpc_message.h"

#include "base/err.h"
#include "base/limits.h"

void
grpc_message_init(struct grpc_message *m)
{
	buf_init(&m->bytes, GRPC_PREFIX_BYTES + LIMIT_GRPC_MESSAGE_BYTES);
}

void
grpc_message_release(struct grpc_message *m)
{
	if (m->bytes.len > 0)
		explicit_bzero(m->bytes.data, m->bytes.len);
	buf_release(&m->bytes);
}

/* Of a message whose prefix is there. */
static size_t
announced(const struct grpc_message *m)
{
	uint32_t n;

	memcpy(&n, m->bytes.data + 1, sizeof n);
	return be32toh(n);
}

static enum grpc_status
check(const struct grpc_message *m, const char **why)
{
	if (m->bytes.len > 0 && m->bytes.data[0] > 1) {
		*why = "the message's prefix is damaged";
		return GRPC_INTERNAL;
	}
	if (m->bytes.len > 0 && m->bytes.data[0] == 1) {
		*why = "the message is compressed";
		return GRPC_UNIMPLEMENTED;
	}
	if (m->bytes.len < GRPC_PREFIX_BYTES)
		return GRPC_OK;
	if (announced(m) > LIMIT_GRPC_MESSAGE_BYTES) {
		*why = "the message is over the limit of 16 MiB";
		return GRPC_RESOURCE_EXHAUSTED;
	}
	if (m->bytes.len - GRPC_PREFIX_BYTES > announced(m)) {
		*why = "more than one message";
		return GRPC_UNIMPLEMENTED;
	}
	return GRPC_OK;
}

enum grpc_status
grpc_message_add(
    struct grpc_message *m, const uint8_t *p, size_t n, const char **why)
{
	/* The prefix first: what it announces may forbid the rest. */
	size_t prefix = m->bytes.len < GRPC_PREFIX_BYTES
			    ? min_u64(n, GRPC_PREFIX_BYTES - m->bytes.len)
			    : 0;
	enum grpc_status status;
	struct err e;

	if (buf_append(&m->bytes, p, prefix, &e) < 0)
		goto no_room;
	status = check(m, why);
	if (status != GRPC_OK || n == prefix)
		return status;
	if (buf_append(&m->bytes, p + prefix, n - prefix, &e) < 0)
		goto no_room;
	return check(m, why);
no_room:
	*why = "no room for the message";
	return GRPC_RESOURCE_EXHAUSTED;
}

bool
grpc_message_is_whole(const struct grpc_message *m)
{
	return m->bytes.len >= GRPC_PREFIX_BYTES &&
	       m->bytes.len - GRPC_PREFIX_BYTES == announced(m);
}

const uint8_t *
grpc_message_bytes(const struct grpc_message *m, size_t *n)
{
	*n = m->bytes.len < GRPC_PREFIX_BYTES
		 ? 0
		 : m->bytes.len - GRPC_PREFIX_BYTES;
	return *n == 0 ? NULL : m->bytes.data + GRPC_PREFIX_BYTES;
}

void
grpc_message_put_prefix(uint8_t out[GRPC_PREFIX_BYTES], size_t n)
{
	uint32_t length = htobe32(n);

	out[0] = 0;
	memcpy(out + 1, &length, sizeof length);
}
