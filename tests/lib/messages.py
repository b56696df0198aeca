"""Python classes from a .proto, without generated files: protoc-c, which the build
needs anyway, writes descriptors.

    m = messages.of("cri.proto")
    m.PullImageRequest(...)
"""
import os, subprocess, tempfile, types
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def of(proto):
    folder, name = os.path.split(os.path.abspath(proto))
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["protoc-c", "--descriptor_set_out=" + out.name,
                        "-I" + folder, os.path.join(folder, name)], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read()).file
    pool = descriptor_pool.DescriptorPool()
    for f in files:
        pool.Add(f)
    factory = message_factory.MessageFactory(pool)
    return types.SimpleNamespace(**{
        m.name: factory.GetPrototype(pool.FindMessageTypeByName(f"{f.package}.{m.name}"))
        for f in files for m in f.message_type})
