#!/usr/bin/env python3
"""metrics.py [NAME [LABEL=VALUE ...]] <TEXT - reads metrics as Prometheus does.

Fails, and says why, unless the whole text keeps the text format 0.0.4: HELP and
TYPE before the samples of each family, each family and sample once, counters
called _total, histograms whole and ascending, every value a number.  With a name:
prints the sum of its samples that have these labels."""
import re
import sys

LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(%s(?:,%s)*)\})? (\S+)' % (LABEL, LABEL))


def fail(number, line, why):
    sys.exit("line %d: %s: %s" % (number, why, line))


def family_of(name, types):
    for suffix in ("_bucket", "_sum", "_count"):
        base = name[:-len(suffix)]
        if name.endswith(suffix) and types.get(base) == "histogram":
            return base
    return name


def read(text):
    helps, types, samples, current = {}, {}, {}, None
    if not text.endswith("\n"):
        sys.exit("the last line has no end")
    for number, line in enumerate(text[:-1].split("\n"), 1):
        words = line.split(" ", 3)
        if line.startswith("# HELP "):
            if words[2] in helps or not words[3]:
                fail(number, line, "a second or empty HELP")
            helps[words[2]], current = words[3], words[2]
        elif line.startswith("# TYPE "):
            if words[2] != current or words[2] in types or words[3] not in ("counter", "gauge", "histogram"):
                fail(number, line, "a TYPE out of place")
            types[words[2]] = words[3]
        else:
            match = SAMPLE.fullmatch(line)
            if not match:
                fail(number, line, "no sample")
            name, labels, value = match[1], tuple(re.findall(LABEL, match[2] or "")), match[match.lastindex]
            if family_of(name, types) != current or current not in types:
                fail(number, line, "not of its family")
            if (name, labels) in samples:
                fail(number, line, "twice")
            samples[name, labels] = float(value)
    return types, samples


def check(types, samples):
    for name, kind in types.items():
        if (kind == "counter") != name.endswith("_total"):
            sys.exit("%s: a %s" % (name, kind))
        if kind != "histogram":
            continue
        buckets = [(float(dict(l)["le"]), v) for (n, l), v in samples.items() if n == name + "_bucket"]
        if buckets != sorted(buckets) or buckets[-1][0] != float("inf"):
            sys.exit("%s: buckets do not ascend to +Inf" % name)
        if any(a[1] > b[1] for a, b in zip(buckets, buckets[1:])):
            sys.exit("%s: buckets are not summed up" % name)
        if buckets[-1][1] != samples[name + "_count", ()] or (name + "_sum", ()) not in samples:
            sys.exit("%s: _count or _sum" % name)
    if any(v < 0 for v in samples.values()):
        sys.exit("a value below zero")


types, samples = read(sys.stdin.buffer.read().decode("utf-8"))
check(types, samples)
if len(sys.argv) > 1:
    wanted = [tuple(w.split("=", 1)) for w in sys.argv[2:]]
    found = [v for (n, l), v in samples.items() if n == sys.argv[1] and all(w in l for w in wanted)]
    if not found:
        sys.exit("there is no %s" % " ".join(sys.argv[1:]))
    print(int(sum(found)) if sum(found) == int(sum(found)) else sum(found))
else:
    print(len(types))
