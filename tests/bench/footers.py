#!/usr/bin/env python3
"""footers.py REGISTRY IMAGE... - what each variant in the registry looks like:
media types, sizes, layer annotations and the last bytes of each layer blob."""
import json, os, sys, urllib.request
REG, images = sys.argv[1], sys.argv[2:]
OUT = os.path.join(os.environ.get("LAYERFS_TEST_DATA", "/var/tmp/layerfs-test-data"), "manifests")
os.makedirs(OUT, exist_ok=True)


def get(path, headers={}):
    return urllib.request.urlopen(urllib.request.Request(f"http://{REG}/v2/{path}", headers=headers)).read()


for i in images:
    for repo, tag in [(i, "gzip"), (i + "-zstd", "zstd"), (i + "-zc", "zstdchunked"),
                      (i, "esgz-opt"), (i, "esgz"), (i, "zc-stargz")]:
        try:
            raw = get(f"{repo}/manifests/{tag}", {"Accept": ", ".join(
                "application/vnd.%s+json" % t for t in ("oci.image.manifest.v1", "docker.distribution.manifest.v2",
                "oci.image.index.v1", "docker.distribution.manifest.list.v2"))})
            m = json.loads(raw)
            while "manifests" in m:
                raw = get(f"{repo}/manifests/{m['manifests'][0]['digest']}", {"Accept": m["manifests"][0]["mediaType"]})
                m = json.loads(raw)
        except Exception as e:
            print(f"{repo}:{tag}: absent ({e})")
            continue
        open(f"{OUT}/{i}.{tag}.json", "w").write(json.dumps(m, indent=1))
        print(f"{repo}:{tag}  layers {len(m['layers'])}  total {sum(l['size'] for l in m['layers'])}")
        for l in m["layers"]:
            n = 72
            tail = get(f"{repo}/blobs/{l['digest']}", {"Range": f"bytes={l['size'] - n}-{l['size'] - 1}"})[-n:]
            print(f"   {l['mediaType'].split('.')[-1]:14} {l['size']:>11} {l['digest'][:19]} footer {tail.hex()}")
            for k, v in (l.get("annotations") or {}).items():
                print(f"       {k} = {v}")
