/* clang-format off */
/* The control protocol: how the `layerfs` command, and anything else that may
 * open the socket, talks to a running layerfsd.
 *
 * RUN/control.sock is a stream socket (mode 0600: its owner only).  Whoever connects
 * and is neither root nor, in a user's own daemon, that user, gets one result that
 * says so (EACCES), and no more.  A message is
 * one JSON object on one line, ended by a newline, at most 4 MiB.  Descriptors
 * travel beside the first byte of the line they belong to (SCM_RIGHTS), at most
 * LAYERFS_CONTROL_FDS.  The client sends a request; the daemon answers with any
 * number of events and then exactly one result, then reads the next request of
 * that connection.  Closing the connection cancels what it asked for.
 *
 *	request  {"op": NAME, ...arguments}
 *	event    {"event": "progress", ...}
 *	result   {"ok": true, ...}  or
 *	         {"ok": false, "error": {"code": "ENOENT", "message": TEXT}}
 *
 * Digests are "sha256:HEX", sizes bytes, times seconds since 1970, paths and
 * file names text (bytes that are no UTF-8 are U+FFFD).  Unknown arguments are
 * refused with EINVAL; a client ignores members that it does not know.  Members
 * are only ever added while LAYERFS_CONTROL_VERSION stays.
 *
 * A "reference" is any image reference as podman writes it, or
 * "oci:/absolute/dir[:tag]".  For an oci: reference descriptor 0 is the folder,
 * opened by the client, so that the unprivileged daemon needs no right of its own
 * to the path.
 *
 * Source arguments, for every op that may contact a registry:
 *	"plain_http": bool          http:// although the host is not loopback
 *	"credential": {"username", "password"} or {"identity_token"}
 *	              what the user's own docker or podman login says of the host
 *
 * ---- operations ----
 *
 * version    -> {"version", "protocol": 1, "root", "run", "pid", "is_root": bool}
 *
 * mount      reference, source arguments,
 *            "target": "/absolute/path"    where it will be seen
 *            "layer": "sha256:..." or N    one layer (0 is the bottom) instead of
 *                                          the image
 *            "unreachable": "fail", "wait:30s" or "forever": what reads do while
 *                                          no registry answers; else as configured
 *            "rw": bool                    overlayfs on top; descriptors (after
 *                                          the oci: folder, if any): upper and
 *                                          work folder, or none for a temporary
 *                                          upper layer
 *            events: progress (below)
 *            -> {"id", "image": digest, "layers": N, "kind": "erofs",
 *                "mode": "attach" | "mounted", "resolved"?: when a registry said what
 *                the reference means, "stale"?: true, none did now, and "why";
 *                "missing_bytes", "missing_layers": [{"layer", "missing_bytes"}]}
 *            "attach": descriptor 0 is a detached mount; the client puts it in
 *            place with move_mount(2), then sends `attached`.  When the
 *            connection closes before that, the mount is undone.
 *            "mounted": a user's own daemon mounted it on the target already.
 *
 * attached   "id"  -> {}          the detached mount is in place
 *
 * unmount    "id" or "target" -> {"id", "target"}
 *            Forgets the mount.  Where the mode was "attach" the client
 *            umount(2)s the target itself, before this.
 *
 * ls         -> {"mounts": [{"id", "target", "reference", "image", "layer"?, "rw",
 *                "kind", "mode", "since", "size", "present", "unreachable",
 *                "resolved"?, "stale"?, usage}],
 *                "users": [as entries of images: those that others than mounts
 *                hold]}
 *            size: bytes of the image's files; present: those stored here.
 *            usage: what fetching the image's layers has cost since this worker
 *            opened them, whoever read: "requests", "fetched" (bytes), "waits"
 *            (reads that had to wait), "waited_ms" (all of them together); and
 *            now: "waiting" (reads), "oldest_wait_ms", "state": "ok", "waiting"
 *            (with "waiting_since") or "unreachable" (with "unreachable_since");
 *            "host" and "why" where something went wrong.
 *
 * top        -> {"at_ms": of a clock that never goes back, "mounts": [{"id",
 *                "reference", "image", "layer"?, "kind", "users": N, "targets":
 *                [..], "reads", "errors", usage}]}
 *            A row for each thing that is shown, which several targets and
 *            containers may share.  reads, errors: since this worker serves it.
 *
 * images     -> {"images": [{"image", "references": [..], "label", "holders": {
 *                KIND: N}, "layers": N, "last_used", "resolved", "size",
 *                "present", "unique", "shared"}]}; one that cannot be opened has
 *                "problem", which says why, in place of "layers" and the sizes
 *            unique: present bytes that no other image has, be it in layers of its
 *            own; shared: those that others have, too; both in whole blocks.  label: the
 *            reference it was opened by last, also when it has no name.  holders:
 *            who keeps it beside its names, and how many: "mount", "snapshot"
 *            (containerd's), "podman" (its layers), "pin", "moved" (names that went
 *            on to another image).
 *
 * stat       reference? ->
 *            without: {"store": {"data_bytes", "present_bytes", "objects",
 *            "free_bytes", "layers", "images"}, "mounts": N, "kind": {"name",
 *            "why"}, "cache": {"quota_bytes", "high_bytes" (dropping begins),
 *            "low_bytes" (and ends), "used_bytes", "min_free_bytes", "free_bytes",
 *            "over": bool (a bound is crossed and nothing may go)}, "fetching":
 *            {"chunks" on their way, "requests", "waiting": reads, "resting": chunks
 *            that every source failed to give}, "counters": {NAME: N, ...}}
 *            with: as one entry of images, plus "profile"? (below) and "layer_list": [{"layer",
 *            "format", "lazy": bool, "reason", "reason_code"?: see layerfs(1),
 *            "blob_size", "size", "present", "files", "table"?: the index beside the
 *            image that it was understood from, "lie"?: what is wrong with that}]; of a
 *            layer that is not here "layer", "blob_size" and "missing": why
 *
 * inspect    reference, source arguments -> {"image", "reference", "manifest":
 *            the manifest itself, "config": the config itself, "layer_list" as
 *            above where the layer is known here, "profile"?}
 *
 * explain    reference, source arguments -> {"reference", "image", "is_known":
 *            bool, "resolved"?, "holders", "layer_list": [as above, with "is_here":
 *            bool; of one that is "missing_bytes" and usage; of a layer
 *            that is not here "lazy", "reason" and, where lazy, "format" are what
 *            its manifest lets expect; "fallback": why a runtime downloaded it,
 *            "fallback_at"]}
 *            An image that is not known here (is_known false) is asked for in its
 *            registry, no more than the manifest, and nothing is noted.
 *
 * pull       reference, source arguments, "lazy": bool (only tables of contents)
 *            events: progress -> {"image", "bytes": fetched by this call}
 *
 * profile_show    reference, source arguments -> {"image", "profile": {"runs",
 *            "recorded", "files": N, "size": bytes}, "files": [{"layer": N, "path"}],
 *            "entries": [{"file": its place in files, "block", "blocks" of 4 KiB,
 *            "runs": that read it, "missed": runs since the last that did}]}
 *            What starts of the image read, in the order of the last one.  ENOENT.
 * profile_export  reference, source arguments -> {"image", "data": the file
 *            (layerfs/profile.h) in base 64}
 * profile_import  reference, source arguments, "data" -> {"image", "profile"}
 *            In place of what is known.  EBADMSG: damaged, or of another image.
 * profile_record  reference, source arguments -> {"image"}
 *            Forgets what is known and records from the next read on.
 * profile_rm      reference, source arguments -> {"image", "removed": bool}
 * profile_push    reference, source arguments -> as index
 *            Publishes the profile beside the image.
 *            All of them ask the registry only what the reference of an image means
 *            that is not known here.
 *
 * index      reference, source arguments
 *            events: progress -> {"image", "outcome": "published", "known" (there was
 *            one) or "nothing" (and "why"), "artifact"?: its manifest, "bytes"}
 *            Publishes an index of the layers that this node read whole.  EACCES.
 *
 * rm         reference -> {"image", "freed_bytes", "removed": bool, "holders"?}
 *            Takes the name away; the image goes with the last of its names and
 *            holders, its layers with their last image.  EBUSY while it is
 *            mounted.
 *
 * prune      "unused_s": N, "dry_run": bool -> {"images": [{"image", "label",
 *            "references", "last_used"}], "freed_bytes"}
 *            Removes the images that nobody uses and nobody used for N seconds, and
 *            what no image names; dry_run: says what would go.
 *
 * pin        reference, source arguments, "fetch": bool (everything, too)
 *            events: progress -> {"image", "bytes": fetched by this call}
 *            The image stays, and what is here of it, until it is unpinned.
 * unpin      reference -> {"image"}
 *
 * verify     reference?, "repair": bool
 *            events: progress -> {"findings": [{"reference", "path", "what",
 *            "repaired": bool}] (the first 1,000), "wrong": N, "repaired": N,
 *            "checked_bytes", "unchecked_bytes": of chunks that are not whole,
 *            "mapped_files": N that were wrong and that programs have mapped}
 *            Without reference everything, bitmaps and database included.
 *
 * ---- events ----
 *
 * {"event": "progress", "stage": "resolve" | "layers" | "fetch" | "mount" |
 *  "verify",
 *  "layer"?: digest, "done": bytes, "total": bytes}
 */
/* clang-format on */
#ifndef LAYERFS_CONTROL_H
#define LAYERFS_CONTROL_H

#define LAYERFS_CONTROL_VERSION 1
#define LAYERFS_CONTROL_SOCKET "control.sock"
#define LAYERFS_CONTROL_FDS 4

/* Where a system's daemon keeps its socket, and its store. */
#define LAYERFS_SYSTEM_RUN "/run/layerfs"
#define LAYERFS_SYSTEM_ROOT "/var/lib/layerfs"

#endif
