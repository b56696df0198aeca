/* What tests of gRPC stand on: a server, a client of it, the loop of both on a
 * thread; and a peer of either that is made of frames.  Only test_*.c includes it.
 *
 * Methods: /t/echo; /t/block waits for is_released; /t/park is ended by the test;
 * /t/huge answers too much, /t/pour without end; any other is ALREADY_EXISTS.
 */
#ifndef NET_SCENE_H
#define NET_SCENE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/asked.h"
#include "net/grpc.h"
#include "base/lock.h"

struct scene {
	char dir[32];
	char path[64];
	struct loop *loop;
	struct pool *pool;
	struct grpc_server *server;
	struct grpc_client *client;
	pthread_t thread;

	struct lock lock;
	struct cond changed;
	/* guarded by lock */
	struct grpc_call *parked; /* by /t/park */
	unsigned n_started, n_cancelled, n_opened, n_closed, n_drained;
	uint64_t serial;  /* of the latest connection */
	int send_failure; /* errno */
	bool is_released; /* what /t/block waits for */
};

/* With so many threads for calls; 0: they run on the loop. */
int open_scene_with(void **s, unsigned threads, bool has_server);
int open_scene(void **s);
int close_scene(void **s);

/* Runs on the loop's thread, and has run when this returns. */
void on_loop(
    struct scene *x, void (*run)(struct scene *x, void *arg), void *arg);
/* Until the loop has seen whatever was sent or closed before. */
void let_loop_turn(struct scene *x);
/* Of a method: CHANGEs n_cancelled. */
void on_cancel(void *scene);

/* --- calls --- */

void ask(
    struct scene *x, struct asked *q, const char *path, const char *message);
/* For on_loop(). */
void cancel_asked(struct scene *x, void *asked);

/* --- a peer made of frames --- */

enum { DATA, HEADERS, RST_STREAM = 3, SETTINGS, GOAWAY = 7 };

extern const char preface[25];
/* POST, http, and two literals: the path and the type. */
#define REQUEST(path, length)                     \
	"\x83\x86\x04" length path "\x0f\x10\x10" \
	"application/grpc"

struct frame {
	uint8_t type, flags;
	uint32_t stream, n;
	uint8_t payload[1 << 14];
};

void put_frame(int fd, uint8_t type, uint8_t flags, uint32_t stream,
    const void *p, uint32_t n);
void get_frame(int fd, struct frame *f);
void get_bytes(int fd, void *to, size_t n);
/* Connected, with the preface sent. */
int raw_client(struct scene *x);

#endif
