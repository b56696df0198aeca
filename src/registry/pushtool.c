/* pushtool: writing to a registry by hand, for the behaviour tests.
 *
 *	pushtool [OPTION...] find REPOSITORY DIGEST
 *	pushtool [OPTION...] blob REPOSITORY FILE        prints its digest
 *	pushtool [OPTION...] manifest REPOSITORY[:TAG] TYPE FILE
 *	pushtool [OPTION...] refer REPOSITORY SUBJECT ARTIFACT-TYPE FILE
 *	pushtool [OPTION...] referrers REPOSITORY SUBJECT ARTIFACT-TYPE
 *
 *	those of tool.h, and
 *	--from REPOSITORY    that may have the blob
 *	--digest DIGEST      that the blob shall have
 *	--once               FILE cannot be read again
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/referrers.h"
#include "registry/tool.h"
#include "registry/upload.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/list.h"

struct pushtool {
	struct tool tool;
	const char *from, *digest;
	bool is_once;

	struct repository to;
	int fd;
};

static struct pushtool *
of(struct tool *t)
{
	return container_of(t, struct pushtool, tool);
}

/* ---- blobs ---- */

static int
find(struct tool *t, char **args, struct err *e)
{
	struct digest d;
	bool found;

	if (digest_parse(&d, args[0], e) < 0 ||
	    upload_find_blob(&of(t)->to, &d, &found, e) < 0)
		return -1;
	puts(found ? "found" : "absent");
	return 0;
}

static ssize_t
read_some(void *ctx, void *p, size_t n, struct err *e)
{
	struct pushtool *t = ctx;
	ssize_t got = read(t->fd, p, n);

	return got < 0 ? err_sys(e, "read") : got;
}

static int
read_again(void *ctx, struct err *e)
{
	struct pushtool *t = ctx;

	return lseek(t->fd, 0, SEEK_SET) < 0 ? err_sys(e, "seek") : 0;
}

static void
tell(void *ctx, uint64_t bytes)
{
	(void)ctx;
	fprintf(stderr, "sent %ju\n", (uintmax_t)bytes);
}

static int
blob(struct tool *tool, char **args, struct err *e)
{
	struct pushtool *t = of(tool);
	struct upload u = { .mount_from = t->from,
		.read = read_some,
		.rewind = t->is_once ? NULL : read_again,
		.on_progress = tell,
		.ctx = t };
	struct uploaded done;
	struct digest d;

	if (t->digest != NULL) {
		if (digest_parse(&d, t->digest, e) < 0)
			return -1;
		u.digest = &d;
	}
	t->fd = open(args[0], O_RDONLY | O_CLOEXEC);
	if (t->fd < 0)
		return err_sys(e, "%s", args[0]);
	if (upload_blob(&t->to, &u, &done, e) < 0)
		return -1;
	printf("%s %ju%s\n", DIGEST_TEXT(&done.digest), (uintmax_t)done.size,
	    done.is_mounted ? " mounted" : "");
	return 0;
}

/* ---- manifests ---- */

static int
manifest(struct tool *t, char **args, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);
	struct upload_manifest m = { .tag = t->ref.tag, .media_type = args[0] };
	bool has_subject;

	if (fs_read_file(AT_FDCWD, args[1], &text, e) < 0)
		return -1;
	m.bytes = text.data;
	m.len = text.len;
	if (upload_manifest(&of(t)->to, &m, &has_subject, e) < 0)
		return -1;
	puts(has_subject ? "subject" : "done");
	return 0;
}

static int
refer(struct tool *t, char **args, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_MANIFEST_BYTES);
	struct upload_manifest m = {
		.media_type = "application/vnd.oci.image.manifest.v1+json"
	};
	struct digest subject;
	struct referrer_addition a = {
		.manifest = &m, .subject = &subject, .artifact_type = args[1]
	};

	if (digest_parse(&subject, args[0], e) < 0 ||
	    fs_read_file(AT_FDCWD, args[2], &text, e) < 0)
		return -1;
	m.bytes = text.data;
	m.len = text.len;
	return referrers_add(&of(t)->to, &a, e);
}

static int
list_referrers(struct tool *t, char **args, struct err *e)
{
	AUTO_REFERRERS struct referrers all = { 0 };
	struct digest subject;

	if (digest_parse(&subject, args[0], e) < 0 ||
	    referrers_find(&of(t)->to, &subject, args[1], &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		printf("%s %ju\n", DIGEST_TEXT(&all.list[i].descriptor.digest),
		    (uintmax_t)all.list[i].descriptor.size);
	return 0;
}

/* ---- the command line ---- */

static const struct tool_command commands[] = {
	{ "find", 1, find },
	{ "blob", 1, blob },
	{ "manifest", 2, manifest },
	{ "refer", 3, refer },
	{ "referrers", 2, list_referrers },
	{ NULL, 0, NULL },
};

static const struct option options[] = {
	{ "from", required_argument, NULL, 'f' },
	{ "digest", required_argument, NULL, 'd' },
	{ "once", no_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 },
};

static bool
take_option(struct tool *t, int letter)
{
	switch (letter) {
	case 'f':
		of(t)->from = optarg;
		return true;
	case 'd':
		of(t)->digest = optarg;
		return true;
	case 'o':
		of(t)->is_once = true;
		return true;
	default:
		return false;
	}
}

static int
begin(struct tool *t, struct err *e)
{
	(void)e;
	of(t)->to = (struct repository){ .registry = t->registry,
		.host = t->ref.host,
		.path = t->ref.repository };
	return 0;
}

static const struct tool_program program = {
	.usage = "pushtool [OPTION...] find|blob|manifest|refer|referrers "
		 "REPOSITORY ARGUMENT...",
	.options = options,
	.take_option = take_option,
	.commands = commands,
	.begin = begin,
};

int
main(int argc, char **argv)
{
	struct pushtool t = { .fd = -1 };

	return tool_main(&t.tool, &program, argc, argv);
}
