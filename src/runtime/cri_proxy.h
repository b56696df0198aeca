/* A CRI image service for kubelet (--image-service-endpoint) that has
 * containerd do everything, and sees on the way with which credential an image
 * is pulled: labels carry none, and a lazy layer is read long after the pull.
 *
 *	kubelet -> RUN/cri.sock -> this -> containerd's socket
 *
 * Any method of one message each way is forwarded, as bytes, with the caller's
 * metadata and deadline; a call that kubelet gives up is given up.  While
 * containerd is away calls are UNAVAILABLE.
 *
 * Lives on the loop; requests are looked at on the pool.
 */
#ifndef RUNTIME_CRI_PROXY_H
#define RUNTIME_CRI_PROXY_H

#include <stdbool.h>
#include <stdint.h>

struct cri_proxy;
struct credential;
struct err;
struct grpc_server;
struct loop;
struct pool;

struct cri_proxy_options {
	const char *upstream; /* containerd's socket; copied */
	/* Connects to it, where this process may not (net/grpc_client.h), on
	 * the loop's thread; or NULL. */
	int (*connect)(void *ctx, int *fd, struct err *e);
	struct pool *pool;
	/* PullImage comes with a credential: called on a thread of the pool
	 * before the pull is forwarded, which waits for it.  Both are valid
	 * only in it; the image is as kubelet wrote it. */
	void (*on_credential)(
	    void *ctx, const char *image, const struct credential *c);
	/* As grpc_server_options has them; may be NULL. */
	int (*admit)(void *ctx, int fd, struct err *e);
	void (*on_open)(void *ctx, uint64_t serial, int fd);
	bool (*greet)(void *ctx, uint64_t serial, int fd);
	void (*on_close)(void *ctx, uint64_t serial);
	void *ctx;
};

/* Takes the listening socket on success. */
struct cri_proxy *cri_proxy_new(struct loop *l, int listener,
    const struct cri_proxy_options *o, struct err *e);
/* Its connections can be adopted and drained. */
struct grpc_server *cri_proxy_server(struct cri_proxy *p);
/* After the pool, and the loop runs no more.  NULL is fine. */
void cri_proxy_free(struct cri_proxy *p);

#endif
