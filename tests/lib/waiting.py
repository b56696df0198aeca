#!/usr/bin/python3
"""waiting.py SOCKET - a runtime that connects while nobody may be there to serve.

Lines on stdout: "greeted" when the server has said the first thing that an HTTP/2
server says, without which grpc-go gives up after a second; then how a call on that
connection ended ("called" when it was sent).  It connects once only.
"""
import os, sys
import grpc
import messages

M = messages.of(os.path.join(os.path.dirname(__file__), "../../src/runtime/snapshots.proto"))
STAT = "/containerd.services.snapshots.v1.Snapshots/Stat"


def main():
    channel = grpc.insecure_channel("unix:" + sys.argv[1], options=[
        ("grpc.min_reconnect_backoff_ms", 60000), ("grpc.initial_reconnect_backoff_ms", 60000)])
    grpc.channel_ready_future(channel).result(timeout=50)
    print("greeted", flush=True)
    call = channel.unary_unary(STAT, M.KeyRequest.SerializeToString, M.StatResponse.FromString)
    future = call.future(M.KeyRequest(key="nobody's"), timeout=50)
    print("called", flush=True)
    print(future.code().name, flush=True)


main()
