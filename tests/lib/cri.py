#!/usr/bin/python3
"""cri.py SOCKET COMMAND [ARGUMENT...] - what kubelet asks of a CRI, by hand.

    pull REF [USER:PASSWORD]       images                 rmi REF
    image-fs                       sandbox NAME           rm-sandbox ID
    create SANDBOX NAME REF [ARG...]                      start CONTAINER
    exec CONTAINER ARG...          status CONTAINER       rm CONTAINER
    run REF MARK [ARG...]          sandbox, container and start; waits till the
                                   container's log has MARK, or it ends, then
                                   removes both

SOCKET may be IMAGES,RUNTIME: the image service elsewhere than the runtime.  $CRI_API
is the version spoken, v1 or v1alpha2, which agree in all of this.  With $CRI_USERS,
the first of 65536 ids, pods have a user namespace.  A call that fails: status 1, with
its code and message on stderr.
"""
import os, sys, time
import grpc
import messages

M = messages.of(os.path.join(os.path.dirname(__file__), "cri.proto"))
# A network of its own (POD), processes that see only themselves (CONTAINER).
APART = M.NamespaceOption(network=0, pid=1)
if "CRI_USERS" in os.environ:
    ids = M.IDMapping(host_id=int(os.environ["CRI_USERS"]), length=65536)
    APART.userns_options.CopyFrom(M.UserNamespace(mode=0, uids=[ids], gids=[ids]))
API = os.environ.get("CRI_API", "v1")
UNCONFINED = M.SecurityProfile(profile_type=1)


class Cri:
    def __init__(self, sockets, logs):
        images, _, runtime = sockets.partition(",")
        # One channel each: every call waits for a server that is on its way.
        self.channels = {"Image": grpc.insecure_channel("unix:" + images),
                         "Runtime": grpc.insecure_channel("unix:" + (runtime or images))}
        self.logs = logs

    def call(self, service, method, **fields):
        request, reply = getattr(M, method + "Request"), getattr(M, method + "Response")
        rpc = self.channels[service].unary_unary(
            f"/runtime.{API}.{service}Service/{method}",
            request.SerializeToString, reply.FromString)
        return rpc(request(**fields), timeout=120)

    def image(self, method, **fields):
        return self.call("Image", method, **fields)

    def runtime(self, method, **fields):
        return self.call("Runtime", method, **fields)

    # --- images ---
    def pull(self, ref, login=None):
        auth = None
        if login:
            user, _, password = login.partition(":")
            auth = M.AuthConfig(username=user, password=password)
        print(self.image("PullImage", image=M.ImageSpec(image=ref), auth=auth).image_ref)

    def images(self):
        for i in self.image("ListImages").images:
            print(i.id, i.size, *i.repo_tags)

    def rmi(self, ref):
        self.image("RemoveImage", image=M.ImageSpec(image=ref))

    def image_fs(self):
        for f in self.image("ImageFsInfo").image_filesystems:
            print(f.fs_id.mountpoint, f.used_bytes.value, f.inodes_used.value)

    # --- pods ---
    def sandbox_config(self, name):
        return M.PodSandboxConfig(
            metadata=M.PodSandboxMetadata(name=name, uid=name, namespace="default"),
            hostname=name, log_directory=self.logs,
            linux=M.LinuxPodSandboxConfig(
                security_context=M.LinuxSandboxSecurityContext(
                    namespace_options=APART, seccomp=UNCONFINED)))

    def new_sandbox(self, name):
        return self.runtime("RunPodSandbox", config=self.sandbox_config(name)).pod_sandbox_id

    def new_container(self, sandbox, name, ref, args):
        config = M.ContainerConfig(
            metadata=M.ContainerMetadata(name=name), image=M.ImageSpec(image=ref),
            command=args, log_path=name + ".log",
            linux=M.LinuxContainerConfig(
                security_context=M.LinuxContainerSecurityContext(
                    namespace_options=APART, seccomp=UNCONFINED)))
        return self.runtime("CreateContainer", pod_sandbox_id=sandbox, config=config,
                            sandbox_config=self.sandbox_config(name)).container_id

    def sandbox(self, name):
        print(self.new_sandbox(name))

    def create(self, sandbox, name, ref, *args):
        print(self.new_container(sandbox, name, ref, args))

    def start(self, container):
        self.runtime("StartContainer", container_id=container)

    def exec(self, container, *args):
        r = self.runtime("ExecSync", container_id=container, cmd=args, timeout=60)
        sys.stdout.buffer.write(r.stdout)
        sys.stderr.buffer.write(r.stderr)
        return r.exit_code

    def status_of(self, container):
        return self.runtime("ContainerStatus", container_id=container).status

    def status(self, container):
        s = self.status_of(container)
        print(["created", "running", "exited", "unknown"][s.state], s.exit_code, s.reason)
        return s

    def rm(self, container):
        """As kubelet does, again till it works: containerd 1.7 may refuse while an
        end is being noted."""
        for left in range(300, -1, -1):
            try:
                self.runtime("StopContainer", container_id=container, timeout=0)
                return self.runtime("RemoveContainer", container_id=container)
            except grpc.RpcError:
                if left == 0:
                    raise
                time.sleep(0.2)

    def rm_sandbox(self, sandbox):
        self.runtime("StopPodSandbox", pod_sandbox_id=sandbox)
        self.runtime("RemovePodSandbox", pod_sandbox_id=sandbox)

    def run(self, ref, mark, *args):
        name = f"run-{os.getpid()}"
        log = os.path.join(self.logs, name + ".log")
        sandbox = self.new_sandbox(name)
        container = self.new_container(sandbox, name, ref, args)
        self.start(container)
        left = 100  # what it says last comes to the log after its end
        while mark not in open(log).read() and left > 0:
            left -= self.status_of(container).state == 2
            time.sleep(0.05)
        text = open(log).read()
        print(text, end="")
        self.rm(container)
        self.rm_sandbox(sandbox)
        return 0 if mark in text else 1


def main():
    sockets, command, *args = sys.argv[1:]
    cri = Cri(sockets, os.environ.get("CRI_LOGS", "/tmp"))
    try:
        return getattr(cri, command.replace("-", "_"))(*args)
    except grpc.RpcError as e:
        print(f"{command}: {e.code().name}: {e.details()}", file=sys.stderr)
        return 1


status = main()
sys.exit(status if isinstance(status, int) else 0)
