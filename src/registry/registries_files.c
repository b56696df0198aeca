#include "registry/registries_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/hmap.h"
#include "base/limits.h"
#include "base/log.h"

enum { LOOK_AGAIN_S = 3, MOST_DROP_INS = 256 };

int
registries_files_init(
    struct registries_files *f, const char *path, struct err *e)
{
	*f = (struct registries_files){ 0 };
	if (path == NULL || *path == 0)
		return 0;
	f->path = strdup(path);
	return f->path == NULL ? err_set(e, ENOMEM, "registries") : 0;
}

void
registries_files_release(struct registries_files *f)
{
	registries_conf_release(&f->conf);
	free(f->path);
	*f = (struct registries_files){ 0 };
}

/* ---- which files there are ---- */

struct names {
	struct dirent **at;
	int n;
};

static void
names_release(struct names *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->at[i]);
	free(l->at);
}

static int
is_drop_in(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && d->d_name[0] != '.' &&
	       strcmp(d->d_name + n - 5, ".conf") == 0;
}

static void
list_drop_ins(const char *path, struct names *out)
{
	char folder[LIMIT_PATH_BYTES];

	*out = (struct names){ 0 };
	if (snprintf(folder, sizeof folder, "%s.d", path) >= (int)sizeof folder)
		return;
	out->n = scandir(folder, &out->at, is_drop_in, alphasort);
	if (out->n < 0)
		*out = (struct names){ 0 };
}

/* The i-th file: the main one, then the drop-ins. */
static bool
path_of(
    const char *path, const struct names *l, int i, char out[LIMIT_PATH_BYTES])
{
	int n = i == 0 ? snprintf(out, LIMIT_PATH_BYTES, "%s", path)
		       : snprintf(out, LIMIT_PATH_BYTES, "%s.d/%s", path,
			     l->at[i - 1]->d_name);

	return n < LIMIT_PATH_BYTES;
}

static uint64_t
stamp_of(const char *path, const struct names *l)
{
	char at[LIMIT_PATH_BYTES];
	uint64_t sum = 1;

	for (int i = 0; i <= l->n; i++) {
		struct stat st = { 0 };

		if (!path_of(path, l, i, at) || stat(at, &st) < 0)
			continue;
		sum = hash_bytes(at, strlen(at), sum);
		sum = hash_u64(sum ^ st.st_ino) ^ st.st_size;
		sum = hash_u64(sum ^ st.st_mtim.tv_sec) ^ st.st_mtim.tv_nsec;
	}
	return sum;
}

/* ---- reading them ---- */

static int
add_file(struct registries_conf *c, const char *path, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);

	if (fs_read_file(AT_FDCWD, path, &text, e) < 0) {
		if (e->code != ENOENT)
			return -1;
		*e = ERR_INIT;
		return 0;
	}
	if (registries_conf_add(c, buf_str(&text), text.len, e) < 0)
		return err_wrap(e, "%s", path);
	return 0;
}

static int
read_all(struct registries_conf *c, const char *path, const struct names *l,
    struct err *e)
{
	char at[LIMIT_PATH_BYTES];

	if (l->n > MOST_DROP_INS)
		return err_set(
		    e, E2BIG, "%s.d: over %d files", path, MOST_DROP_INS);
	for (int i = 0; i <= l->n; i++)
		if (path_of(path, l, i, at) && add_file(c, at, e) < 0)
			return -1;
	return 0;
}

static void
read_again(struct registries_files *f, const struct names *l)
{
	AUTO_REGISTRIES_CONF struct registries_conf c = { 0 };
	struct registries_conf old = f->conf;
	struct err e = ERR_INIT;

	if (read_all(&c, f->path, l, &e) < 0) {
		log_warn("%s; what it said before is used", e.msg);
		return;
	}
	f->conf = c;
	c = old;
	f->generation++;
}

void
registries_files_look(struct registries_files *f)
{
	CLEANUP(names_release) struct names l = { 0 };
	uint64_t now = clock_now_ns(), stamp;

	if (f->path == NULL ||
	    (f->looked_ns != 0 && now < f->looked_ns + LOOK_AGAIN_S * NS_PER_S))
		return;
	f->looked_ns = now;
	list_drop_ins(f->path, &l);
	stamp = stamp_of(f->path, &l);
	if (stamp == f->stamp)
		return;
	f->stamp = stamp;
	read_again(f, &l);
}
