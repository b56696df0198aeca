#include "layer/first_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/image.h"
#include "layer/layer.h"
#include "fetch/fetch.h"
#include "index/index.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

enum { MAX_LINKS = 8, MAX_ARGUMENTS = 4 };

/* Of a file: programs that are larger do not read all of it first. */
#define FILE_BYTES MIB(2)

static const char *const usual[] = {
	"etc/passwd",
	"etc/group",
	"bin/sh",
	"lib64/ld-linux-x86-64.so.2",
	"lib/ld-linux-aarch64.so.1",
	"lib/ld-musl-x86_64.so.1",
	"lib/ld-musl-aarch64.so.1",
	"etc/ld.so.cache",
	"lib/x86_64-linux-gnu/libc.so.6",
	"lib/aarch64-linux-gnu/libc.so.6",
	"lib64/libc.so.6",
};

static const char usual_path[] =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* The layers' trees, mapped while the files are looked for. */
struct trees {
	struct image *image;
	struct index *at[LIMIT_LAYERS]; /* NULL: not to be had */
};

/* ---- one file ---- */

struct first_file {
	struct want want;
	struct image *image; /* keeps the blob */
};

static void
on_done(struct want *w, const struct err *failure)
{
	struct first_file *f = container_of(w, struct first_file, want);

	(void)failure;
	image_unref(f->image);
	free(f);
}

static void
fetch(struct image *i, struct blob *b, uint64_t data_off, uint64_t size)
{
	struct first_file *f = calloc(1, sizeof *f);

	if (f == NULL)
		return;
	f->image = image_ref(i);
	f->want = (struct want){
		.data_off = data_off,
		.len = min_u64(size, FILE_BYTES),
		.priority = SOURCE_SOON,
		.on_done = on_done,
	};
	blob_want(b, &f->want);
}

/* From a folder on, through links that stay in the layer: 0, there is none. */
static uint64_t
follow(const struct index *x, uint64_t nid, const char *path, size_t len,
    unsigned links)
{
	while (len > 0 && nid != 0) {
		const char *slash = memchr(path, '/', len), *target;
		size_t n = slash == NULL ? len : (size_t)(slash - path);
		uint64_t dir = n == 0 ? INDEX_ROOT : nid;
		size_t target_len;

		if (n > 0)
			nid = index_lookup(x, dir, path, n);
		else
			nid = dir;
		if (nid != 0 && index_read_link(x, nid, &target, &target_len))
			nid = links == 0 ? 0
					 : follow(x, dir, target, target_len,
					       links - 1);
		n += slash != NULL;
		path += n;
		len -= n;
	}
	return nid;
}

/* In the uppermost layer that has it; whiteouts are not looked at. */
static bool
find_and_fetch(const struct trees *t, const char *path)
{
	struct image *i = t->image;

	for (size_t k = i->manifest.n_layers; k-- > 0;) {
		const struct index *x = t->at[k];
		uint64_t nid = x == NULL ? 0
					 : follow(x, INDEX_ROOT, path,
					       strlen(path), MAX_LINKS);
		uint64_t data_off, size;
		uint32_t object;

		if (nid == 0 || !index_file(x, nid, &data_off, &size))
			continue;
		if (size > 0 &&
		    map_find_object(i->layers[k]->map, data_off, &object))
			fetch(i, i->layers[k]->blob, data_off, size);
		return true;
	}
	return false;
}

/* ---- the program ---- */

static const char *
search_path(const struct doc *config)
{
	const struct doc *env = doc_find(config, "Env");

	for (size_t n = 0; doc_is_array(env) && n < doc_count(env); n++) {
		const char *s = doc_string(doc_at(env, n));

		if (s != NULL && strncmp(s, "PATH=", 5) == 0)
			return s + 5;
	}
	return usual_path;
}

static void
search_and_fetch(const struct trees *t, const char *name, const char *path)
{
	char file[LIMIT_PATH_BYTES];

	for (; *path != 0; path += *path == ':') {
		size_t n = strcspn(path, ":");
		int len =
		    snprintf(file, sizeof file, "%.*s/%s", (int)n, path, name);

		if (len > 0 && (size_t)len < sizeof file &&
		    find_and_fetch(t, file))
			return;
		path += n;
	}
}

/* An argument with a slash may be a script. */
static void
fetch_arguments(
    const struct trees *t, const struct doc *config, const char *key)
{
	const struct doc *all = doc_find(config, key);

	if (!doc_is_array(all))
		return;
	for (size_t n = 0; n < doc_count(all) && n < MAX_ARGUMENTS; n++) {
		const char *s = doc_string(doc_at(all, n));

		if (s != NULL && *s == '/')
			find_and_fetch(t, s);
		else if (s != NULL && n == 0)
			search_and_fetch(t, s, search_path(config));
	}
}

static void
fetch_program(const struct trees *t)
{
	struct err unknown = ERR_INIT;
	AUTO_DOC struct doc *all = image_read_config(t->image, &unknown);
	const struct doc *config = doc_find(all, "config");

	if (config == NULL)
		return;
	fetch_arguments(t, config, "Entrypoint");
	fetch_arguments(t, config, "Cmd");
}

/* ---- all of them ---- */

static bool
may_guess(const struct image *i)
{
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		if (i->layers[k] != NULL && blob_may_guess(i->layers[k]->blob))
			return true;
	return false;
}

void
first_files_fetch(struct image *i)
{
	struct trees t = { .image = i };
	struct err unknown = ERR_INIT;

	if (!may_guess(i))
		return;
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		if (i->layers[k] != NULL)
			t.at[k] = layer_open_index(i->layers[k], &unknown);
	for (size_t n = 0; n < sizeof usual / sizeof *usual; n++)
		find_and_fetch(&t, usual[n]);
	fetch_program(&t);
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		index_close(t.at[k]);
}
