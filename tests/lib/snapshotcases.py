#!/usr/bin/python3
"""snapshotcases.py SOCKET FOLDER [SNAPSHOTTER [CASE...]]

Asks a snapshotter: does it keep the promises of containerd's snapshots API?  The socket
is the snapshotter's own or, with SNAPSHOTTER, containerd's, which is asked under the
lease that $LEASE names; $CTR is a command that speaks to it.

The cases are those of containerd's snapshots/testsuite and what else a client can
see; the same must hold for every snapshotter.  What Mounts answers is mounted
below FOLDER and looked at.  One line a case: "ok NAME" or "not ok NAME: why".
"""
import os, stat, subprocess, sys, time, traceback
from snapshotmounts import Mounted, read, tree, write
from snapshots import ACTIVE, COMMITTED, OPTION, VIEW, Refused, Snapshots, channel_to


# --- what the cases say ----------------------------------------------------------
def same(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} instead of {wanted!r}")


def refused(codes, call, *args, **kw):
    try:
        call(*args, **kw)
    except Refused as e:
        assert e.code in codes.split(), f"{e} instead of {codes}"
    else:
        raise AssertionError(f"{call.__name__}{args} was not refused")


def labels(info):
    return {e.key: e.value for e in info.labels if e.key.startswith(OPTION)}


def commit_with(s, name, parent, change):
    """A layer: change(folder) on top of parent, committed as name."""
    with Mounted(s.prepare(name + "-active", parent)) as d:
        change(d)
    s.commit(name, name + "-active")


def seen(s, name, look):
    """What look(folder) finds in a view of name."""
    with Mounted(s.view("view-of-" + name, name)) as d:
        found = look(d)
    s.remove("view-of-" + name)
    return found


CASES = {}


def case(f):
    CASES[f.__name__.replace("_", "-")] = f
    return f


# --- the life of a snapshot ----------------------------------------------------
@case
def basic(s):
    commit_with(s, "a", "", lambda d: (write(d + "/foo", "foo\n"), os.mkdir(d + "/a")))
    info = s.stat("a")
    same((info.kind, info.parent), (COMMITTED, ""), "a")
    refused("NOT_FOUND", s.stat, "a-active")
    commit_with(s, "b", "a", lambda d: (write(d + "/foo", "bar\n"), write(d + "/new", "new\n")))
    same(s.stat("b").parent, s.name("a"), "b's parent")
    same(seen(s, "a", lambda d: (tree(d), read(d + "/foo"))), (["a", "foo"], "foo\n"))
    same(seen(s, "b", lambda d: (tree(d), read(d + "/foo"))), (["a", "foo", "new"], "bar\n"))


@case
def stat_tells_what_it_is(s):
    s.prepare("active")
    info = s.stat("active")
    same((info.kind, info.parent, info.name), (ACTIVE, "", s.name("active")))
    assert info.created_at.seconds > 1500000000, info.created_at
    s.commit("base", "active")
    s.view("view", "base")
    same([s.stat(k).kind for k in ("base", "view")], [COMMITTED, VIEW])
    same(s.stat("view").parent, s.name("base"))
    refused("NOT_FOUND", s.stat, "none")


@case
def mounts_again_are_the_same(s):
    commit_with(s, "base", "", lambda d: write(d + "/f", "f"))
    for key, make in (("active", s.prepare), ("view", s.view)):
        first = make(key, "base")
        same([str(m) for m in s.mounts(key)], [str(m) for m in first], key)
    with Mounted(s.mounts("active")) as d:
        write(d + "/kept", "kept")
    with Mounted(s.mounts("active")) as d:
        same(read(d + "/kept"), "kept")


@case
def errors_have_their_codes(s):
    s.prepare("active")
    refused("ALREADY_EXISTS", s.prepare, "active")
    refused("ALREADY_EXISTS", s.view, "active")
    refused("NOT_FOUND", s.prepare, "x", "none")
    refused("NOT_FOUND", s.view, "x", "none")
    refused("INVALID_ARGUMENT", s.prepare, "x", "active")
    refused("INVALID_ARGUMENT", s.view, "x", "active")
    refused("NOT_FOUND", s.commit, "x", "none")
    refused("NOT_FOUND", s.mounts, "none")
    refused("NOT_FOUND", s.usage, "none")
    refused("NOT_FOUND", s.remove, "none")
    refused("NOT_FOUND", s.update, "none", {OPTION + "a": "1"})
    s.commit("base", "active")
    refused("NOT_FOUND", s.mounts, "active")
    refused("ALREADY_EXISTS", s.prepare, "base", "base")
    s.prepare("other")
    refused("ALREADY_EXISTS", s.commit, "base", "other")
    same(s.stat("other").kind, ACTIVE, "a commit that was refused")
    same(s.list(), ["base", "other"], "what is left")


@case
def a_view_is_not_committed(s):
    s.prepare("a")
    s.commit("base", "a")
    s.view("view", "base")
    refused("INVALID_ARGUMENT FAILED_PRECONDITION", s.commit, "new", "view")
    refused("NOT_FOUND", s.stat, "new")
    same(s.stat("view").kind, VIEW)


@case
def a_parent_is_not_removed(s):
    for name, parent in (("a", ""), ("b", "a"), ("c", "b")):
        s.prepare(name + "-active", parent)
        s.commit(name, name + "-active")
    s.prepare("top", "c")
    for name in "abc":
        refused("FAILED_PRECONDITION", s.remove, name)
    for name in ("top", "c", "b", "a"):
        s.remove(name)
    same(s.list(), [])


@case
def a_name_is_free_after_its_removal(s):
    for _ in range(3):
        with Mounted(s.prepare("a")) as d:
            same(tree(d), [], "a new one is empty")
            write(d + "/f", "f")
        s.commit("base", "a")
        s.remove("base")
    same(s.list(), [])


# --- labels ----------------------------------------------------------------------
@case
def labels_come_with_each_call(s):
    s.prepare("a", labels={OPTION + "one": "1"})
    same(labels(s.stat("a")), {OPTION + "one": "1"}, "prepare")
    s.commit("base", "a", {OPTION + "two": "2"})
    same(labels(s.stat("base")).get(OPTION + "two"), "2", "commit")
    s.view("view", "base", {OPTION + "three": "3"})
    same(labels(s.stat("view")), {OPTION + "three": "3"}, "view")


@case
def update_obeys_the_mask(s):
    s.prepare("a", labels={OPTION + "one": "1", OPTION + "two": "2"})
    before = s.stat("a")
    info = s.update("a", {OPTION + "one": "x", OPTION + "two": "y"}, "labels." + OPTION + "one")
    same(labels(info), {OPTION + "one": "x", OPTION + "two": "2"}, "one label")
    same(labels(s.stat("a")), labels(info), "what was answered")
    s.update("a", {OPTION + "new": "n"}, "labels." + OPTION + "new", "labels." + OPTION + "two")
    same(labels(s.stat("a")), {OPTION + "one": "x", OPTION + "new": "n"}, "one new, one gone")
    s.update("a", {OPTION + "three": "3"}, "labels")
    same(labels(s.stat("a")), {OPTION + "three": "3"}, "all labels")
    s.update("a", {OPTION + "four": "4"})
    same(labels(s.stat("a")), {OPTION + "four": "4"}, "no mask")
    refused("INVALID_ARGUMENT", s.update, "a", {}, "parent")
    refused("INVALID_ARGUMENT", s.update, "a", {}, "kind")
    after = s.stat("a")
    same((after.kind, after.parent, after.created_at), (before.kind, before.parent, before.created_at))
    t = lambda x: (x.updated_at.seconds, x.updated_at.nanos)
    assert t(after) > t(before), "updated_at did not move"


# --- lists -------------------------------------------------------------------------
@case
def lists_and_filters(s):
    commit_with(s, "base", "", lambda d: None)
    s.prepare("one", "base", {OPTION + "a": "1", OPTION + "b": "x"})
    s.prepare("two", "base", {OPTION + "a": "2"})
    s.view("view", "base")
    n, label = s.name, f'labels."{OPTION}a"'
    for wanted, *filters in (
            (["base", "one", "two", "view"],),
            (["one"], f"name=={n('one')}"),
            (["one"], f'name=="{n("one")}"'),
            (["one", "two", "view"], f'parent=="{n("base")}"'),
            (["base"], "kind==committed"),
            (["view"], f'kind==view,parent=="{n("base")}"'),
            (["one", "two"], label),
            (["one"], label + "==1"),
            (["two"], label + '=="2"'),
            (["two"], f'{label},{label}!=1'),
            (["one", "two"], label + "==1", label + "==2"),
            (["one"], f'{label}==1,labels."{OPTION}b"==x'),
            ([], f'{label}==1,labels."{OPTION}b"==y'),
            (["one", "two"], f"name~=^{s.prefix}(one|two)$"),
            ([], "nothing==x")):
        same(s.list(*filters), wanted, f"list {filters}")
    # containerd forgets the code of a stream that fails.
    refused("INVALID_ARGUMENT UNKNOWN", s.list, "name===")
    refused("INVALID_ARGUMENT UNKNOWN", s.list, f'{label}=="')


@case
def a_list_may_be_long(s):
    names = [f"many-{n:03}" for n in range(250)]
    for n in names:
        s.prepare(n)
    same(s.list(), names)
    for n in names:
        s.remove(n)
    same(s.list(), [])


# --- what is mounted ---------------------------------------------------------------
@case
def a_root_is_0755_roots(s):
    with Mounted(s.prepare("a")) as d:
        st = os.stat(d)
        same((stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid), (0o755, 0, 0))


@case
def a_view_is_read_only(s):
    commit_with(s, "base", "", lambda d: write(d + "/f", "f"))
    commit_with(s, "top", "base", lambda d: write(d + "/g", "g"))
    for key, parent in (("empty", ""), ("one", "base"), ("two", "top")):
        with Mounted(s.view(key, parent)) as d:
            try:
                write(d + "/new", "new")
            except OSError as e:
                same(e.errno, 30, "EROFS")
            else:
                raise AssertionError("written")


@case
def writes_stay_in_their_snapshot(s):
    commit_with(s, "base", "", lambda d: write(d + "/f", "f"))
    with Mounted(s.prepare("one", "base")) as one, Mounted(s.prepare("two", "base")) as two:
        write(one + "/f", "one")
        write(two + "/new", "two")
        same((read(two + "/f"), tree(one)), ("f", ["f"]))
    same(seen(s, "base", lambda d: (tree(d), read(d + "/f"))), (["f"], "f"))


@case
def deleted_files_stay_deleted(s):
    commit_with(s, "a", "", lambda d: (write(d + "/foo", "foo"), write(d + "/bar", "bar")))
    commit_with(s, "b", "a", lambda d: os.unlink(d + "/foo"))
    commit_with(s, "c", "b", lambda d: write(d + "/c", "c"))
    same(seen(s, "c", tree), ["bar", "c"])
    commit_with(s, "d", "c", lambda d: write(d + "/foo", "again"))
    same(seen(s, "d", lambda d: read(d + "/foo")), "again")


@case
def a_folder_made_anew_is_opaque(s):
    def fill(d):
        os.makedirs(d + "/dir/sub")
        write(d + "/dir/old", "old")

    def anew(d):
        os.unlink(d + "/dir/old")
        os.rmdir(d + "/dir/sub")
        os.rmdir(d + "/dir")
        os.mkdir(d + "/dir")
        write(d + "/dir/new", "new")
    commit_with(s, "a", "", fill)
    commit_with(s, "b", "a", anew)
    commit_with(s, "c", "b", lambda d: write(d + "/dir/third", "third"))
    same(seen(s, "c", tree), ["dir", "dir/new", "dir/third"])


@case
def a_file_becomes_a_folder_and_back(s):
    commit_with(s, "a", "", lambda d: (write(d + "/x", "x"), os.mkdir(d + "/y"), write(d + "/y/f", "f")))

    def swap(d):
        os.unlink(d + "/x")
        os.mkdir(d + "/x")
        os.unlink(d + "/y/f")
        os.rmdir(d + "/y")
        write(d + "/y", "y")
    commit_with(s, "b", "a", swap)
    same(seen(s, "b", lambda d: (tree(d), read(d + "/y"))), (["x", "y"], "y"))


@case
def files_of_lower_layers_move(s):
    commit_with(s, "a", "", lambda d: (os.mkdir(d + "/dir"), write(d + "/dir/f", "f"), write(d + "/g", "g")))
    commit_with(s, "b", "a", lambda d: (os.rename(d + "/dir/f", d + "/f"), os.rename(d + "/g", d + "/dir/g")))
    same(seen(s, "b", lambda d: (tree(d), read(d + "/f"))), (["dir", "dir/g", "f"], "f"))


@case
def a_folder_of_the_same_layer_moves(s):
    commit_with(s, "a", "", lambda d: os.mkdir(d + "/low"))

    def change(d):
        os.mkdir(d + "/dir1")
        write(d + "/dir1/f", "f")
        os.rename(d + "/dir1", d + "/dir2")
    commit_with(s, "b", "a", change)
    same(seen(s, "b", tree), ["dir2", "dir2/f", "low"])


@case
def owners_and_modes_are_kept(s):
    def fill(d):
        os.mkdir(d + "/dir", 0o700)
        write(d + "/f", "f")
        os.chown(d + "/f", 1000, 1001)
        os.chmod(d + "/f", 0o4750)
        os.chown(d, 5, 6)
    commit_with(s, "a", "", fill)
    commit_with(s, "b", "a", lambda d: os.chown(d + "/dir", 7, 8))
    mode = lambda p: (oct(stat.S_IMODE(os.stat(p).st_mode)), os.stat(p).st_uid, os.stat(p).st_gid)
    same(seen(s, "b", lambda d: [mode(d + "/f"), mode(d + "/dir"), mode(d)]),
         [("0o4750", 1000, 1001), ("0o700", 7, 8), ("0o755", 5, 6)])


@case
def a_chain_of_128(s):
    parent = ""
    for n in range(128):
        def change(d):
            write(f"{d}/{n}", str(n))
            write(d + "/top", str(n))
        commit_with(s, f"layer-{n}", parent, change)
        parent = f"layer-{n}"
    look = lambda d: (len(tree(d)), read(d + "/top"), read(d + "/0"), read(d + "/64"))
    same(seen(s, parent, look), (129, "127", "0", "64"))
    with Mounted(s.prepare("deep", parent)) as d:
        same(look(d), (129, "127", "0", "64"))
        write(d + "/0", "changed")
        same(read(d + "/0"), "changed")
    s.remove("deep")


# --- usage and cleaning ------------------------------------------------------------
@case
def usage_is_what_the_layer_holds(s):
    def fill(d):
        write(d + "/big", "x" * (1 << 20))
        os.link(d + "/big", d + "/link")
    same(s.prepare("empty") is not None, True)
    empty = s.usage("empty")
    assert empty.size <= 8192 and empty.inodes <= 1, empty
    with Mounted(s.prepare("a")) as d:
        fill(d)
        u = s.usage("a")
        assert (1 << 20) <= u.size <= (1 << 20) + 16384, ("active", u)
        same(u.inodes, empty.inodes + 1, "a hard link counts once")
    s.commit("base", "a")
    u = s.usage("base")
    assert (1 << 20) <= u.size <= (1 << 20) + 16384, ("committed", u)
    s.prepare("child", "base")
    assert s.usage("child").size <= 8192, "a child's parent does not count"


def collect():
    """containerd asks its snapshotter some time later, unless it is told to: by $CTR."""
    if "CTR" in os.environ:
        ctr = os.environ["CTR"].split() + ["leases"]
        lease = subprocess.run([*ctr, "create"], check=True, capture_output=True).stdout.decode()
        subprocess.run([*ctr, "rm", "--sync", lease.strip()], check=True, capture_output=True)


@case
def cleanup_takes_what_was_removed(s):
    with Mounted(s.prepare("a")) as d:
        write(d + "/f", "f")
    source = s.mounts("a")[0].source
    assert os.path.exists(source + "/f"), source
    s.remove("a")
    try:
        s.cleanup()
    except Refused as e:
        same(e.code, "UNIMPLEMENTED", str(e))
    until = time.monotonic() + 60
    while os.path.exists(source) and time.monotonic() < until:
        collect()
        time.sleep(0.05)
    assert not os.path.exists(source), source + " is left"


# --- running them ------------------------------------------------------------------
def run(name, s):
    try:
        CASES[name](s)
        print("ok " + name)
        return True
    except Exception as e:
        where = traceback.extract_tb(e.__traceback__)
        lines = [str(f.lineno) for f in where if f.filename == __file__]
        print(f"not ok {name}: {type(e).__name__} {e} (lines {' '.join(lines)})")
        return False


def main():
    socket, Mounted.folder, *rest = sys.argv[1:]
    snapshotter, names = rest[0] if rest else "", rest[1:] or CASES
    channel = channel_to(socket)
    good = [run(n, Snapshots(channel, snapshotter, n + "/")) for n in names]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
