#include "layer/first_files.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/image.h"
#include "layer/layer.h"
#include "layer/path.h"
#include "layer/script.h"
#include "fetch/fetch.h"
#include "index/index.h"
#include "store/store.h"
#include "base/bytes.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

/* WORDS: of a script, that are looked up. */
enum { MAX_ARGUMENTS = 4, MAX_WORDS = 256, MAX_PROGRAMS = 8 };

static const char *const usual[] = {
	"etc/passwd",
	"etc/group",
	"etc/nsswitch.conf",
	"etc/localtime",
	"usr/lib/locale/C.utf8/LC_CTYPE",
	"usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache",
	"usr/lib/aarch64-linux-gnu/gconv/gconv-modules.cache",
	"usr/lib64/gconv/gconv-modules.cache",
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

/* The layers' trees, mapped while files are looked for. */
struct trees {
	_Atomic unsigned refs;
	struct image *image; /* a reference: keeps the blobs */
	char *path;          /* where programs are, as in PATH */
	struct index *at[];  /* NULL: not to be had */
};

static void
trees_unref(struct trees *t)
{
	if (atomic_fetch_sub(&t->refs, 1) > 1)
		return;
	for (size_t k = 0; k < t->image->manifest.n_layers; k++)
		index_close(t->at[k]);
	image_unref(t->image);
	free(t->path);
	free(t);
}

static struct trees *
trees_open(struct image *i)
{
	size_t n = i->manifest.n_layers;
	struct trees *t = calloc(1, sizeof *t + n * sizeof *t->at);
	struct err unknown = ERR_INIT;

	if (t == NULL)
		return NULL;
	t->refs = 1;
	t->image = image_ref(i);
	for (size_t k = 0; k < n; k++)
		if (i->layers[k] != NULL)
			t->at[k] = layer_open_index(i->layers[k], &unknown);
	return t;
}

/* ---- one file ---- */

struct found {
	const struct layer *layer;
	uint64_t data_off, size;
};

/* In the uppermost layer that has it; links that stay in the layer are
 * followed, whiteouts are not looked at. */
static bool
find(const struct trees *t, const char *path, struct found *f)
{
	for (size_t k = t->image->manifest.n_layers; k-- > 0;) {
		const struct index *x = t->at[k];
		uint64_t nid = x == NULL ? 0 : path_find(x, path);

		if (nid == 0 || !index_file(x, nid, &f->data_off, &f->size))
			continue;
		f->layer = t->image->layers[k];
		return f->size > 0;
	}
	return false;
}

/* False: there is none. */
static bool
find_and_fetch(const struct trees *t, const char *path)
{
	struct found f;

	if (!find(t, path, &f))
		return false;
	blob_guess(f.layer->blob, f.data_off);
	return true;
}

/* A program in one of the folders of PATH. */
static bool
search(const struct trees *t, const char *name, struct found *f)
{
	char file[LIMIT_PATH_BYTES];

	if (*name == '/')
		return find(t, name, f);
	for (const char *path = t->path; *path != 0; path += *path == ':') {
		size_t n = strcspn(path, ":");
		int len =
		    snprintf(file, sizeof file, "%.*s/%s", (int)n, path, name);

		if (len > 0 && (size_t)len < sizeof file && find(t, file, f))
			return true;
		path += n;
	}
	return false;
}

/* ---- a program that may be a script ---- */

struct program {
	struct want want;
	struct trees *trees; /* a reference */
};

static void
fetch_words(const struct trees *t, const char *text, size_t n)
{
	char word[SCRIPT_WORD_BYTES];
	unsigned programs = 0;
	size_t at = 0;

	for (unsigned words = 0; words < MAX_WORDS && programs < MAX_PROGRAMS &&
				 script_next(text, n, &at, word);
	     words++) {
		struct found f;

		if (search(t, word, &f))
			programs += blob_guess(f.layer->blob, f.data_off);
	}
}

static void
on_program(struct want *w, const struct err *failure)
{
	struct program *p = container_of(w, struct program, want);
	struct store *s = catalog_parts(p->trees->image->catalog)->store;
	struct err unknown = ERR_INIT;
	char text[SCRIPT_BYTES];

	if (failure == NULL &&
	    store_read(s, text, w->len, w->data_off, &unknown) == 0 &&
	    script_is_one(text, w->len))
		fetch_words(p->trees, text, w->len);
	trees_unref(p->trees);
	free(p);
}

/* The rest of it on a guess, its head to look at. */
static void
fetch_program_file(struct trees *t, const struct found *f)
{
	struct program *p = calloc(1, sizeof *p);

	blob_guess(f->layer->blob, f->data_off);
	if (p == NULL)
		return;
	p->trees = t;
	atomic_fetch_add(&t->refs, 1);
	p->want = (struct want){
		.data_off = f->data_off,
		.len = min_u64(f->size, SCRIPT_BYTES),
		.priority = SOURCE_SOON,
		.on_done = on_program,
	};
	blob_want(f->layer->blob, &p->want);
}

/* ---- the program ---- */

static const char *
find_path(const struct doc *config)
{
	const struct doc *env = doc_find(config, "Env");

	for (size_t n = 0; doc_is_array(env) && n < doc_count(env); n++) {
		const char *s = doc_string(doc_at(env, n));

		if (s != NULL && strncmp(s, "PATH=", 5) == 0)
			return s + 5;
	}
	return usual_path;
}

/* An argument with a slash may be a script. */
static void
fetch_arguments(struct trees *t, const struct doc *config, const char *key)
{
	const struct doc *all = doc_find(config, key);

	if (!doc_is_array(all))
		return;
	for (size_t n = 0; n < doc_count(all) && n < MAX_ARGUMENTS; n++) {
		const char *s = doc_string(doc_at(all, n));
		struct found f;

		if (s != NULL && (*s == '/' || n == 0) && search(t, s, &f))
			fetch_program_file(t, &f);
	}
}

static void
fetch_program(struct trees *t)
{
	struct err unknown = ERR_INIT;
	AUTO_DOC struct doc *all = image_read_config(t->image, &unknown);
	const struct doc *config = doc_find(all, "config");

	t->path = config == NULL ? NULL : strdup(find_path(config));
	if (t->path == NULL)
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
	struct trees *t = may_guess(i) ? trees_open(i) : NULL;

	if (t == NULL)
		return;
	for (size_t n = 0; n < sizeof usual / sizeof *usual; n++)
		find_and_fetch(t, usual[n]);
	fetch_program(t);
	trees_unref(t);
}
