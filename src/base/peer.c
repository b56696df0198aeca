#include "base/peer.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

int
peer_check(int sock, bool or_self, struct err *e)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
		return err_sys(e, "who connected");
	if (peer.uid == 0 || (or_self && peer.uid == geteuid()))
		return 0;
	return err_set(e, EACCES, "uid %u (process %d) may not speak here",
	    (unsigned)peer.uid, (int)peer.pid);
}
