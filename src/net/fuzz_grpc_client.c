/* What a server may send to a client that has two calls for it: each ends, once. */
#include <assert.h>

#include "net/fuzz_peer.h"
#include "net/grpc_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { CALLS = 2, CONNECTIONS = 2 };

struct call {
	struct grpc_client_call base;
	struct scene *scene;
};

struct scene {
	struct loop *loop;
	const uint8_t *p;
	size_t n;
	struct fuzz_peer peers[CONNECTIONS];
	unsigned n_peers;
	struct call calls[CALLS];
	unsigned n_done;
};

/* A call that was refused comes over another connection. */
static int
connect_peer(void *ctx, int *fd, struct err *e)
{
	struct scene *s = ctx;

	if (s->n_peers == CONNECTIONS)
		return err_set(e, ECONNREFUSED, "enough");
	*fd = fuzz_peer_connect(&s->peers[s->n_peers++], s->loop, s->p, s->n);
	return 0;
}

static void
on_done(struct grpc_client_call *c, const struct grpc_answer *a)
{
	struct scene *s = container_of(c, struct call, base)->scene;

	assert(a->text != NULL);
	assert(a->n == 0 || (a->status == GRPC_OK && a->message != NULL));
	if (++s->n_done == CALLS)
		loop_stop(s->loop);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e;
	struct scene s = { .loop = loop_new(&e), .p = p, .n = n };
	struct grpc_client *c = grpc_client_new(s.loop, "/unused", &e);

	if (s.loop == NULL || c == NULL)
		abort();
	grpc_client_set_connect(c, connect_peer, &s);
	for (int i = 0; i < CALLS; i++) {
		s.calls[i].scene = &s;
		s.calls[i].base = (struct grpc_client_call){
			.path = "/e",
			.message = "hello",
			.n = 5,
			.on_done = on_done,
		};
		grpc_client_send(c, &s.calls[i].base);
	}
	if (loop_run(s.loop, &e) < 0)
		abort();
	assert(s.n_done == CALLS);
	grpc_client_free(c);
	for (unsigned i = 0; i < s.n_peers; i++)
		fuzz_peer_end(&s.peers[i]);
	loop_free(s.loop);
	return 0;
}
