/* The table of the control protocol's operations, and the small ones. */
#include "daemon/ops.h"

#include <errno.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "daemon/image_arguments.h"
#include "daemon/mounts.h"
#include "layer/catalog.h"
#include "layer/image.h"
#include "registry/reference.h"
#include "supervisor/agent.h"
#include "base/doc.h"
#include "base/err.h"

static int
op_version(struct request *r, struct doc *result, struct err *e)
{
	(void)e;
	doc_set_string(result, "version", PACKAGE_VERSION);
	doc_set_int(result, "protocol", LAYERFS_CONTROL_VERSION);
	doc_set_string(result, "root", r->daemon->root_path);
	doc_set_string(result, "run", r->daemon->run_path);
	doc_set_int(result, "pid", getpid());
	doc_set_bool(result, "is_root", agent_is_root(r->daemon->agent));
	return 0;
}

static void
tell_removal(struct daemon *d, const struct digest *image, bool removed,
    struct doc *result)
{
	struct err gone = ERR_INIT;
	struct doc *holders = describe_manifest_holders(d, image, &gone);

	doc_set_string(result, "image", DIGEST_TEXT(image));
	doc_set_bool(result, "removed", removed);
	if (holders != NULL)
		doc_set(result, "holders", holders);
}

/* One that only its holders keep has no name to take away. */
static int
find_name(
    struct catalog *c, const char *name, struct digest *image, struct err *e)
{
	int64_t resolved_s;

	if (catalog_find_reference(c, name, image, NULL, e) == 0)
		return 0;
	if (catalog_find_image(c, name, image, &resolved_s, e) < 0)
		return -1;
	return err_set(e, EBUSY,
	    "it has no name any more, and goes when nobody uses it: see "
	    "`layerfs images`");
}

static int
op_rm(struct request *r, struct doc *result, struct err *e)
{
	struct catalog *c = r->daemon->catalog;
	AUTO_REFERENCE struct reference ref = { 0 };
	struct digest image;
	uint64_t freed;
	bool removed;

	if (arguments_reference(r, &ref, e) < 0 ||
	    find_name(c, ref.name, &image, e) < 0)
		return -1;
	if (mounts_use_image(r->daemon->mounts, &image))
		return err_set(e, EBUSY, "it is mounted");
	if (catalog_forget(c, ref.name, &image, &removed, &freed, e) < 0)
		return -1;
	doc_set_int(result, "freed_bytes", freed);
	tell_removal(r->daemon, &image, removed, result);
	return 0;
}

static int
op_pull(struct request *r, struct doc *result, struct err *e)
{
	struct image *i;
	struct request_watcher w;
	bool lazy = false;
	uint64_t bytes = 0;
	int rc = 0;

	if (doc_find_bool(r->arguments, "lazy", &lazy, e) < 0)
		return -1;
	i = arguments_open_image(r, false, NULL, e);
	if (i == NULL)
		return -1;
	request_watcher_init(&w, r);
	if (!lazy)
		rc = image_fill(
		    i, &w.watcher, request_is_cancelled(r), &bytes, e);
	doc_set_string(result, "image", DIGEST_TEXT(&i->manifest.digest));
	doc_set_int(result, "bytes", bytes);
	image_unref(i);
	return rc;
}

static const char *const no_arguments[] = { NULL };
static const char *const image_arguments[] = { IMAGE_ARGUMENTS, NULL };
static const char *const reference_arguments[] = { "reference", NULL };
static const char *const pull_arguments[] = { IMAGE_ARGUMENTS, "lazy", NULL };
static const char *const pin_arguments[] = { IMAGE_ARGUMENTS, "fetch", NULL };
static const char *const prune_arguments[] = { "unused_s", "dry_run", NULL };
static const char *const verify_arguments[] = { "reference", "repair", NULL };
static const char *const mount_arguments[] = { IMAGE_ARGUMENTS, "target",
	"layer", "rw", "unreachable", NULL };
static const char *const attached_arguments[] = { "id", NULL };
static const char *const import_arguments[] = { IMAGE_ARGUMENTS, "data", NULL };
static const char *const unmount_arguments[] = { "id", "target", NULL };

const struct op ops[] = {
	{ "version", no_arguments, op_version },
	{ "mount", mount_arguments, op_mount },
	{ "attached", attached_arguments, op_attached },
	{ "unmount", unmount_arguments, op_unmount },
	{ "ls", no_arguments, op_ls },
	{ "top", no_arguments, op_top },
	{ "images", no_arguments, op_images },
	{ "stat", reference_arguments, op_stat },
	{ "inspect", image_arguments, op_inspect },
	{ "explain", image_arguments, op_explain },
	{ "pull", pull_arguments, op_pull },
	{ "profile_show", image_arguments, op_profile_show },
	{ "profile_export", image_arguments, op_profile_export },
	{ "profile_import", import_arguments, op_profile_import },
	{ "profile_record", image_arguments, op_profile_record },
	{ "profile_rm", image_arguments, op_profile_rm },
	{ "profile_push", image_arguments, op_profile_push },
	{ "index", image_arguments, op_index },
	{ "rm", reference_arguments, op_rm },
	{ "prune", prune_arguments, op_prune },
	{ "pin", pin_arguments, op_pin },
	{ "unpin", reference_arguments, op_unpin },
	{ "verify", verify_arguments, op_verify },
};

const size_t n_ops = sizeof ops / sizeof *ops;
