#!/usr/bin/env python3
"""syscall.py NAME|NUMBER [ARGUMENT...] - makes one system call; prints 0, or the
errno's name where it failed."""
import ctypes
import errno
import os
import sys

NUMBERS = {
    "x86_64": dict(
        bpf=321, chroot=161, clone=56, clone3=435, fanotify_init=300, init_module=175, io_uring_setup=425, ioctl=16,
        kexec_load=246, keyctl=250, mknodat=259, mmap=9, mount=165, move_mount=429, mprotect=10,
        open_by_handle_at=304, open_tree=428, perf_event_open=298, personality=135, pivot_root=155, prctl=157,
        process_vm_readv=310, ptrace=101, setns=308, setuid=105, socket=41, umount2=166, unshare=272,
        userfaultfd=323, vhangup=153),
    "aarch64": dict(
        bpf=280, chroot=51, clone=220, clone3=435, fanotify_init=262, init_module=105, io_uring_setup=425, ioctl=29,
        kexec_load=104, keyctl=219, mknodat=33, mmap=222, mount=40, move_mount=429, mprotect=226,
        open_by_handle_at=265, open_tree=428, perf_event_open=241, personality=92, pivot_root=41, prctl=167,
        process_vm_readv=270, ptrace=117, setns=268, setuid=146, socket=198, umount2=39, unshare=97,
        userfaultfd=282, vhangup=58),
}

name = sys.argv[1]
number = int(name) if name.isdigit() else NUMBERS[os.uname().machine][name]
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(int(a)) for a in sys.argv[2:]])
print(errno.errorcode[ctypes.get_errno()] if result == -1 else 0)
