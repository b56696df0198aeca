#include "supervisor/note.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/hold.h"
#include "supervisor/lost.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fs.h"

enum {
	NOTE_VERSION = 1,
	HEADER = 16,
	NOTE_MAX = HEADER + AGENT_PAYLOAD_MAX + PATH_MAX,
};

#define UNFINISHED ".new"

int
notes_open(int run, struct err *e)
{
	int fd;

	if (mkdirat(run, "held", 0700) != 0 && errno != EEXIST)
		return err_sys(e, "make RUN/held");
	fd = openat(
	    run, "held", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "open RUN/held") : fd;
}

/* Its length. */
static size_t
encode(uint8_t to[NOTE_MAX], const struct held_fd *f)
{
	size_t target = f->target != NULL ? strlen(f->target) : 0;

	put_le32(to, NOTE_VERSION);
	put_le32(to + 4, f->serial);
	put_le32(to + 8, f->h.payload_len);
	put_le32(to + 12, target);
	memcpy(to + HEADER, f->h.payload, f->h.payload_len);
	if (target > 0)
		memcpy(to + HEADER + f->h.payload_len, f->target, target);
	return HEADER + f->h.payload_len + target;
}

static int
decode(struct held_fd *f, const uint8_t *p, size_t n, struct err *e)
{
	size_t payload, target;

	if (n < HEADER || get_le32(p) != NOTE_VERSION)
		return err_set(e, EBADMSG, "not a note of this version");
	payload = get_le32(p + 8);
	target = get_le32(p + 12);
	if (payload > AGENT_PAYLOAD_MAX || target >= PATH_MAX ||
	    n != HEADER + payload + target)
		return err_set(e, EBADMSG, "a note of a wrong length");
	f->serial = get_le32(p + 4);
	f->h.payload_len = payload;
	memcpy(f->h.payload, p + HEADER, payload);
	f->target = NULL;
	if (target > 0 &&
	    (f->target = strndup((const char *)p + HEADER + payload, target)) ==
		NULL)
		return err_set(e, ENOMEM, "a mount's target");
	return 0;
}

int
note_write(int notes, const struct held_fd *f, struct err *e)
{
	uint8_t bytes[NOTE_MAX];
	size_t n = encode(bytes, f);
	AUTO_CLOSE int fd = openat(notes, UNFINISHED,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n ||
	    renameat(notes, UNFINISHED, notes, f->h.name) != 0)
		return err_sys(e, "write RUN/held/%s", f->h.name);
	return 0;
}

int
note_read(int notes, const char *name, struct held_fd *f, struct err *e)
{
	AUTO_BUF struct buf bytes = BUF_INIT(NOTE_MAX);

	if (strlen(name) > AGENT_NAME_MAX)
		return err_set(e, ENOENT, "%s is no name of ours", name);
	if (fs_read_file(notes, name, &bytes, e) < 0 ||
	    decode(f, bytes.data, bytes.len, e) != 0)
		return err_wrap(e, "RUN/held/%s", name);
	strcpy(f->h.name, name);
	return 0;
}

void
note_remove(int notes, const char *name)
{
	unlinkat(notes, name, 0);
}

static void
remove_other(int notes, const char *name, struct list *lost)
{
	struct held_fd f = { .target = NULL };
	struct err e;

	if (note_read(notes, name, &f, &e) == 0 && f.target != NULL)
		lost_add(lost, f.target, "", NULL);
	free(f.target);
	note_remove(notes, name);
}

void
notes_remove_others(int notes, struct list *holds, struct list *lost)
{
	int fd = openat(notes, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0 &&
		    hold_find(holds, entry->d_name) == NULL)
			remove_other(notes, entry->d_name, lost);
	closedir(d);
}
