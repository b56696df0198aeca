#!/usr/bin/python3
"""snapshots.py SOCKET ls
snapshots.py SOCKET remote REFERENCE

containerd's snapshots API, asked by a client: lists a snapshotter's names; prepares some
layer of an image in a registry.  The socket is the snapshotter's own or containerd's,
which is asked under the lease that $LEASE names.
"""
import os, sys
import grpc
import messages

M = messages.of(os.path.join(os.path.dirname(__file__), "../../src/runtime/snapshots.proto"))
VIEW, ACTIVE, COMMITTED = 1, 2, 3
OPTION = "containerd.io/snapshot/test."  # containerd passes no other labels on
METADATA = [("containerd-namespace", "test"), ("containerd-lease", os.environ.get("LEASE", ""))]


def channel_to(socket):
    return grpc.insecure_channel("unix:" + socket)


class Refused(Exception):
    """What a call that failed said; its code is the status' name."""

    def __init__(self, e):
        super().__init__(f"{e.code().name}: {e.details()}")
        self.code = e.code().name


def labels_of(pairs):
    return [M.LabelsEntry(key=k, value=v) for k, v in (pairs or {}).items()]


class Snapshots:
    """The API, a method each; names get the case's own prefix."""

    def __init__(self, channel, snapshotter, prefix):
        self.channel, self.snapshotter, self.prefix = channel, snapshotter, prefix

    def call(self, method, request, reply=M.Empty, stream=False):
        path = "/containerd.services.snapshots.v1.Snapshots/" + method
        kind = self.channel.unary_stream if stream else self.channel.unary_unary
        rpc = kind(path, request.SerializeToString, reply.FromString)
        try:
            r = rpc(request, timeout=60, metadata=METADATA)
            return list(r) if stream else r
        except grpc.RpcError as e:
            raise Refused(e) from None

    def name(self, key):
        return self.prefix + key if key else ""

    def prepare(self, key, parent="", labels=None, method="Prepare"):
        return self.call(method, M.PrepareRequest(
            snapshotter=self.snapshotter, key=self.name(key),
            parent=self.name(parent), labels=labels_of(labels)), M.MountsResponse).mounts

    def view(self, key, parent="", labels=None):
        return self.prepare(key, parent, labels, "View")

    def mounts(self, key):
        return self.call("Mounts", self.key(key), M.MountsResponse).mounts

    def key(self, key):
        return M.KeyRequest(snapshotter=self.snapshotter, key=self.name(key))

    def commit(self, name, key, labels=None):
        self.call("Commit", M.CommitRequest(
            snapshotter=self.snapshotter, name=self.name(name), key=self.name(key),
            labels=labels_of(labels)))

    def remove(self, key):
        self.call("Remove", self.key(key))

    def stat(self, key):
        return self.call("Stat", self.key(key), M.StatResponse).info

    def usage(self, key):
        return self.call("Usage", self.key(key), M.UsageResponse)

    def update(self, key, labels, *paths):
        info = M.Info(name=self.name(key), labels=labels_of(labels))
        return self.call("Update", M.UpdateRequest(
            snapshotter=self.snapshotter, info=info,
            update_mask=M.FieldMask(paths=paths) if paths else None), M.UpdateResponse).info

    def list(self, *filters):
        """Names of this case, without its prefix."""
        replies = self.call("List", M.ListRequest(
            snapshotter=self.snapshotter, filters=filters), M.ListResponse, stream=True)
        return sorted(i.name[len(self.prefix):] for r in replies for i in r.info
                      if i.name.startswith(self.prefix))

    def cleanup(self):
        self.call("Cleanup", M.CleanupRequest(snapshotter=self.snapshotter))


def main():
    socket, what, *rest = sys.argv[1:]
    s = Snapshots(channel_to(socket), "", "")
    if what == "ls":
        print(*s.list(), sep="\n")
    else:
        s.prepare("key", labels={
            "containerd.io/snapshot.ref": "sha256:" + "1" * 64,
            "containerd.io/snapshot/cri.image-ref": rest[0],
            "containerd.io/snapshot/cri.layer-digest": "sha256:" + "2" * 64})


if __name__ == "__main__":
    main()
