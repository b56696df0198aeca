#!/usr/bin/python3
"""takenover.py MESSAGE_H WORKER_PID FOLDER - what somebody may do who has taken the
worker over: sends the supervisor, by the worker's own socket, a descriptor that cannot
be closed.  It is of a file on a FUSE mount at FOLDER whose server, this program, never
answers FLUSH.  Says "sent", then serves until it is killed.
"""
import array, ctypes, os, re, socket, struct, sys
import deaf

PIDFD_GETFD, WORKER_FD = 438, 3
libc = ctypes.CDLL(None, use_errno=True)


def message(header):
    text = open(header).read()
    version = int(re.search(r"MESSAGE_VERSION = (\d+)", text).group(1))
    kinds = re.findall(r"^\tMESSAGE_(\w+),", text, re.M)
    size = int(re.search(r"== 88 \+ (\d+)", text).group(1)) + 88
    m = struct.pack("=IIIIQ", version, kinds.index("HOLD"), 0, 0, 1 << 60) + b"rpc:1"
    return m.ljust(size, b"\0")


def send(header, pid, folder):
    file = os.open(folder + "/file", os.O_RDONLY)
    worker = socket.socket(fileno=libc.syscall(PIDFD_GETFD, os.pidfd_open(pid), WORKER_FD, 0))
    worker.sendmsg([message(header)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))])
    worker.close()
    print("sent", flush=True)


def main():
    header, pid, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    fuse = deaf.mount(folder)
    # The end of this process, which alone has it, is the end of all that waits.
    if os.fork() == 0:
        os.close(fuse)
        send(header, pid, folder)
    else:
        deaf.Server(fuse, deaf.FLUSH, None).serve()


main()
