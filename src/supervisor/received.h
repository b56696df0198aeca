/* Descriptors that the worker sends, looked at before this process has them.
 *
 * close(2) may wait: of a file on a FUSE mount until FLUSH is answered, and whoever
 * has taken the worker over is who answers.  A supervisor that waited would start no
 * other worker, and could not even be killed.  So a child looks first: it peeks at
 * the message, and what it has then are duplicates.  Let in are
 *
 *	folders             closing one waits for nobody, on no file system
 *	/dev/fuse
 *	unix sockets
 *	files of the store's file system, and of memfd_create(2)
 *
 * A message with anything else is thrown away unopened, while the child has it
 * still; if somebody has to wait for the rest, it is the child.
 *
 * It shares this memory, and this process waits until the child is done with it
 * (vfork(2)); none of what it does blocks before that.
 */
#ifndef SUPERVISOR_RECEIVED_H
#define SUPERVISOR_RECEIVED_H

#include <sys/types.h>

struct err;
struct message;

/* As message_receive() of what is there to be read.  `store` is st_dev of a file in
 * it.  EPERM: *m is there, and came with a descriptor that is not let in; EAGAIN,
 * ENOMEM: the same, and nobody could look. */
int received_message(int sock, dev_t store, struct message *m, int *fds,
    unsigned *n_fds, struct err *e);

/* What was sent and not read is nobody's any more, nor is what will be. */
void received_drain(int sock);

#endif
