/* layerfs unmount: takes the mount away with the caller's rights where this
 * process had put it, and tells the daemon, if one is alive. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/request.h"
#include "cli/session.h"
#include "cli/target.h"
#include "supervisor/fusermount.h"
#include "base/doc.h"
#include "base/err.h"

/* A user's own mount of a daemon that died: only the helper may. */
static int
detach(const struct target *t, bool lazy, struct err *e)
{
	if (target_detach(t, lazy, e) == 0)
		return 0;
	return e->code == EPERM && geteuid() != 0
		   ? fusermount_unmount(t->path, lazy, e)
		   : -1;
}

/* The daemon's entry for the path, or NULL. */
static const struct doc *
find_mount(const struct doc *list, const char *path)
{
	const struct doc *mounts = doc_find(list, "mounts");

	for (size_t i = 0; i < doc_count(mounts); i++) {
		const struct doc *m = doc_at(mounts, i);
		const char *target = doc_string(doc_find(m, "target"));

		if (target != NULL && strcmp(target, path) == 0)
			return m;
	}
	return NULL;
}

/* A user's own daemon mounts on the target itself. */
static bool
is_daemon_s_own(const struct doc *known)
{
	const char *mode = doc_string(doc_find(known, "mode"));

	return mode != NULL && strcmp(mode, "mounted") == 0;
}

static struct doc *
tell_daemon(struct session *s, const char *path, struct err *e)
{
	AUTO_REQUEST struct request r;

	request_init(&r, "unmount");
	doc_set_string(r.doc, "target", path);
	return session_call(s, &r, e);
}

static struct doc *
only_unmounted(const char *path)
{
	struct doc *result = doc_new_object();

	doc_set_string(result, "target", path);
	return result;
}

/* `known` is the daemon's entry, NULL when it has none or is dead. */
static struct doc *
unmount_target(struct session *s, const struct doc *known,
    const struct target *t, struct err *e)
{
	bool lazy = arguments_has(s->args, OPTION_UNMOUNT_LAZY);
	enum target_state state;
	struct doc *result;

	if (is_daemon_s_own(known))
		return tell_daemon(s, t->path, e);
	if (target_state(t, &state, e) < 0)
		return NULL;
	if (state == TARGET_FOREIGN) {
		err_set(e, EINVAL, "it is not a layerfs mount");
		return NULL;
	}
	if (state == TARGET_EMPTY && known == NULL) {
		err_set(e, EINVAL, "nothing is mounted there");
		s->hint = "`layerfs ls` lists the mounts";
		return NULL;
	}
	/* Empty but known: someone called umount(8); it need only be told. */
	if (state == TARGET_OURS && detach(t, lazy, e) < 0) {
		if (e->code == EBUSY)
			s->hint = "close them (`fuser -vm` lists who has them "
				  "open), or use --lazy";
		return NULL;
	}
	if (known == NULL)
		return only_unmounted(t->path);
	result = tell_daemon(s, t->path, e);
	/* It may have noticed before it was told. */
	return result == NULL && e->code == ENOENT ? only_unmounted(t->path)
						   : result;
}

/* Nobody can look there.  The daemon has no need to: it may know it by the name as it is
 * written. */
static struct doc *
let_go(struct session *s, const struct doc *known, struct err *e)
{
	const char *path = doc_string(doc_find(known, "target"));
	const struct err why = *e;
	struct doc *result;

	if (known == NULL)
		return NULL;
	result = tell_daemon(s, path, e);
	if (result != NULL && !is_daemon_s_own(known))
		session_warn("%s: %s; the daemon has let go of it, but it "
			     "stays mounted until it can be unmounted again",
		    path, why.msg);
	return result;
}

static struct doc *
unmount_one(
    struct session *s, const struct doc *list, const char *text, struct err *e)
{
	struct doc *result = NULL;
	struct target t;

	if (target_find(text, &t, e) == 0)
		result = unmount_target(s, find_mount(list, t.path), &t, e);
	else if (e->code == ETIMEDOUT)
		result = let_go(s, find_mount(list, text), e);
	if (result != NULL && !s->is_json) {
		output_print_safe(
		    stdout, doc_string(doc_find(result, "target")));
		putchar('\n');
	}
	return result;
}

int
cmd_unmount(struct session *s)
{
	struct err e;
	AUTO_DOC struct doc *list = session_ask(s, SESSION_FIND, "ls", &e);
	AUTO_DOC struct doc *all = doc_new_object();
	struct doc *done = doc_new_array();
	int status = STATUS_DONE;

	doc_set(all, "unmounted", done);
	if (list == NULL)
		session_warn("%s; only unmounting", e.msg);
	s->hint = NULL;
	for (size_t i = 0; i < s->args->n_operands; i++) {
		const char *text = s->args->operands[i];
		struct doc *one = unmount_one(s, list, text, &e);

		if (one == NULL)
			status = session_fail(s, &e, "unmount %s", text);
		else
			doc_append(done, one);
	}
	if (s->is_json)
		output_json(all);
	return status;
}
