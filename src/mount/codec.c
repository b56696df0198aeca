#include "mount/codec.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mount/session.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/log.h"

struct codec {
	struct list link;
	struct fuse_session *fuse;
	const struct fuse_lowlevel_ops *ops;
	/* What INIT said. */
	size_t said_len;
	uint8_t said[AGENT_PAYLOAD_MAX];
};

static void
log_for_libfuse(enum fuse_log_level level, const char *fmt, va_list args)
{
	char line[256];

	vsnprintf(line, sizeof line, fmt, args);
	line[strcspn(line, "\n")] = '\0';
	log_event(level <= FUSE_LOG_ERR ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
	    LOG_EVENT_note, NULL, "libfuse: %s", line);
}

/* We read ourselves, libfuse asks for one all the same. */
static ssize_t
read_for_libfuse(int fd, void *p, size_t n, void *userdata)
{
	(void)userdata;
	return read(fd, p, n);
}

static ssize_t
write_for_libfuse(int fd, struct iovec *v, int n, void *userdata)
{
	(void)fd;
	(void)userdata;
	return session_write(SESSION_HERE, v, n);
}

/* libfuse wants a descriptor, closes it, and does nothing else with it. */
static int
attach(struct fuse_session *f)
{
	const struct fuse_custom_io io = { .read = read_for_libfuse,
		.writev = write_for_libfuse };
	int fd = eventfd(0, EFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fuse_session_custom_io(f, &io, fd) == 0)
		return 0;
	close(fd);
	return -1;
}

static struct fuse_session *
new_fuse(const struct fuse_lowlevel_ops *ops)
{
	char *argv[] = { "layerfs", "-omax_read=1048576", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(2, argv);
	struct fuse_session *f;

	fuse_set_log_func(log_for_libfuse);
	f = fuse_session_new(&args, ops, sizeof *ops, NULL);
	fuse_opt_free_args(&args);
	if (f == NULL || attach(f) == 0)
		return f;
	fuse_session_destroy(f);
	return NULL;
}

static void
codec_free(struct codec *c)
{
	fuse_session_destroy(c->fuse);
	free(c);
}

/* Without the header, which has a number of its own. */
static struct codec *
codec_new(const struct fuse_lowlevel_ops *ops, const void *init, size_t n,
    struct err *e)
{
	struct codec *c = calloc(1, sizeof *c);

	if (c != NULL && (c->fuse = new_fuse(ops)) != NULL) {
		c->ops = ops;
		c->said_len =
		    min_u64(n - sizeof(struct fuse_in_header), sizeof c->said);
		memcpy(c->said,
		    (const uint8_t *)init + sizeof(struct fuse_in_header),
		    c->said_len);
		return c;
	}
	free(c);
	err_set(e, ENOMEM, "libfuse makes no session");
	return NULL;
}

static bool
is_same(const struct codec *a, const struct codec *b)
{
	return a->ops == b->ops && a->said_len == b->said_len &&
	       memcmp(a->said, b->said, a->said_len) == 0;
}

static struct codec *
find_same(struct codecs *all, const struct codec *c)
{
	LOCK_SCOPE(&all->lock);
	list_for_each(l, &all->all) {
		struct codec *other = list_entry(l, struct codec, link);

		if (is_same(other, c))
			return other;
	}
	return NULL;
}

/* Two that begin at once may both be listed, which does no harm. */
static void
add(struct codecs *all, struct codec *c)
{
	LOCK_SCOPE(&all->lock);
	list_push_back(&all->all, &c->link);
}

int
codec_begin(struct codecs *all, const struct fuse_lowlevel_ops *ops,
    const void *init, size_t n, struct codec *_Atomic *out, struct err *e)
{
	struct codec *fresh = codec_new(ops, init, n, e), *same;

	if (fresh == NULL)
		return -1;
	same = find_same(all, fresh);
	atomic_store(out, same != NULL ? same : fresh);
	codec_process(fresh, init, n);
	if (same != NULL)
		codec_free(fresh);
	else
		add(all, fresh);
	return 0;
}

void
codec_process(struct codec *c, const void *request, size_t n)
{
	struct fuse_buf b = { .size = n, .mem = (void *)request };

	fuse_session_process_buf(c->fuse, &b);
}

void
codecs_init(struct codecs *c)
{
	lock_init(&c->lock, RANK_LEAF);
	list_init(&c->all);
}

void
codecs_release(struct codecs *c)
{
	list_for_each_safe(l, &c->all)
		codec_free(list_entry(l, struct codec, link));
	lock_destroy(&c->lock);
}
