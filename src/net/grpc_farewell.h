/* What is left to say to the peer of an earlier process (grpc_server_adopt):
 *
 *	SETTINGS (empty) | GOAWAY (last stream 0, NO_ERROR)
 *
 * SETTINGS is what a server says first, if the earlier one had not.  GOAWAY
 * below every stream means that none was processed.  Private to the server;
 * loop thread only.
 */
#ifndef NET_GRPC_FAREWELL_H
#define NET_GRPC_FAREWELL_H

struct grpc_farewell;
struct grpc_server;

/* Takes fd.  Appears in the server's list until the peer has closed, or for
 * 1 s. */
void grpc_farewell_say(struct grpc_server *s, int fd);
/* All that are left. */
void grpc_farewells_close(struct grpc_server *s);

#endif
