#include "layer/linked.h"

#include <elf.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/elf.h"
#include "layer/path.h"
#include "layer/view.h"
#include "fetch/fetch.h"
#include "index/index.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

/* Libraries of libraries: the loader goes on, and we with what it reads. */
enum { DEPTH = 4 };

/* Of a folder that are looked into, and how large. */
enum { MODULES = 64 };
#define MODULE_BYTES KIB(512)

/* What loaders have built in, and where distributions put libraries.
 * /etc/ld.so.cache would say more, and is another format to believe. */
static const char *const folders[] = {
	"usr/lib/x86_64-linux-gnu",
	"usr/lib/aarch64-linux-gnu",
	"usr/lib64",
	"lib64",
	"usr/local/lib",
	"usr/lib",
	"lib",
};

/* A file that is looked into. */
struct file {
	struct want want;
	struct view *view; /* a reference */
	uint64_t data_off, size;
	unsigned depth;
	struct linked *linked; /* NULL: nobody has read it */
	struct elf elf;
	void (*step)(struct file *f, const uint8_t *p);
};

static void look_into(struct view *v, uint64_t data_off, unsigned depth);

static void
file_free(struct file *f)
{
	view_unref(f->view);
	free(f);
}

/* ---- parts of a file ---- */

/* In a read's or a decode thread: of what has just come, from disk. */
static void
on_done(struct want *w, const struct err *failure)
{
	struct file *f = container_of(w, struct file, want);
	AUTO_FREE uint8_t *p = failure == NULL ? malloc(w->len) : NULL;
	struct err e = ERR_INIT;

	if (p == NULL || view_peek(f->view, p, w->len, w->data_off, &e) < 0)
		file_free(f);
	else
		f->step(f, p);
}

/* `step` comes with the bytes, or the file is given up. */
static void
want(struct file *f, const struct elf_range *r,
    void (*step)(struct file *f, const uint8_t *p))
{
	if (r->off >= f->size || r->len > f->size - r->off || r->len == 0) {
		file_free(f);
		return;
	}
	f->step = step;
	f->want = (struct want){
		.data_off = f->data_off + r->off,
		.len = r->len,
		.priority = SOURCE_SOON,
		.on_done = on_done,
	};
	view_want(f->view, &f->want);
}

/* ---- its libraries ---- */

/* The folder of the file itself, which $ORIGIN means; walks the tree. */
static char *
find_origin(const struct file *f)
{
	const struct index *x = view_index(f->view);
	uint64_t nid = index_find_position(x, f->data_off);
	char *path = nid == 0 ? NULL : index_path(x, nid);
	char *slash = path == NULL ? NULL : strrchr(path, '/');

	if (slash != NULL)
		*slash = 0;
	return path;
}

/* 0: it is not there. */
static uint64_t
find_in(const struct file *f, const char *folder, const char *name)
{
	char path[LIMIT_PATH_BYTES];
	int n = snprintf(path, sizeof path, "%s/%s", folder, name);

	return n < 0 || (size_t)n >= sizeof path
		   ? 0
		   : path_find(view_index(f->view), path);
}

/* A folder of DT_RUNPATH, n bytes. */
static uint64_t
find_in_own(const struct file *f, const char *folder, size_t n,
    const char *origin, const char *name)
{
	static const char text[] = "$ORIGIN";
	size_t skip = sizeof text - 1;
	char path[LIMIT_PATH_BYTES];
	bool is_relative = n >= skip && memcmp(folder, text, skip) == 0;

	if (is_relative && origin == NULL)
		return 0;
	if (is_relative)
		snprintf(path, sizeof path, "%s%.*s", origin, (int)(n - skip),
		    folder + skip);
	else
		snprintf(path, sizeof path, "%.*s", (int)n, folder);
	return find_in(f, path, name);
}

static uint64_t
find_library(const struct file *f, const char *run_path, const char *origin,
    const char *name)
{
	uint64_t nid = 0;

	while (nid == 0 && run_path != NULL && *run_path != 0) {
		size_t n = strcspn(run_path, ":");

		nid = find_in_own(f, run_path, n, origin, name);
		run_path += n + (run_path[n] == ':');
	}
	for (size_t i = 0; nid == 0 && i < sizeof folders / sizeof *folders;
	     i++)
		nid = find_in(f, folders[i], name);
	return nid;
}

static void
on_strings(struct file *f, const uint8_t *p)
{
	const char *strings = (const char *)p;
	const struct elf *x = &f->elf;
	const char *run_path =
	    x->has_run_path ? elf_name(x, strings, x->run_path) : NULL;
	AUTO_FREE char *origin =
	    run_path != NULL && strstr(run_path, "$ORIGIN") != NULL
		? find_origin(f)
		: NULL;

	for (unsigned i = 0; i < x->n_needed; i++) {
		const char *name = elf_name(x, strings, x->needed[i]);
		uint64_t data_off, size, nid;

		if (name == NULL)
			continue;
		nid = find_library(f, run_path, origin, name);
		if (nid != 0 &&
		    index_file(view_index(f->view), nid, &data_off, &size) &&
		    size > 0 && view_guess(f->view, data_off))
			look_into(f->view, data_off, f->depth + 1);
	}
	file_free(f);
}

static void look_into_modules_beside(const struct file *f);

static void
on_dynamic(struct file *f, const uint8_t *p)
{
	bool needs_some = elf_read_dynamic(&f->elf, p, f->elf.dynamic.len);

	if (f->linked != NULL && !f->elf.has_interpreter && !f->elf.has_name)
		look_into_modules_beside(f);
	if (needs_some)
		want(f, &f->elf.strings, on_strings);
	else
		file_free(f);
}

static void
on_head(struct file *f, const uint8_t *p)
{
	if (elf_read_head(&f->elf, p, f->want.len))
		want(f, &f->elf.dynamic, on_dynamic);
	else
		file_free(f);
}

static struct file *
file_new(struct view *v, uint64_t data_off, unsigned depth)
{
	struct file *f = calloc(1, sizeof *f);
	uint64_t start;

	if (f == NULL)
		return NULL;
	f->size = view_extent(v, data_off, UINT64_MAX, &start);
	f->data_off = data_off;
	f->depth = depth;
	f->view = view_ref(v);
	if (f->size > 0 && start == data_off)
		return f;
	file_free(f);
	return NULL;
}

static void
look_into(struct view *v, uint64_t data_off, unsigned depth)
{
	struct file *f = depth < DEPTH ? file_new(v, data_off, depth) : NULL;

	if (f != NULL)
		want(f,
		    &(struct elf_range){ 0, min_u64(f->size, ELF_HEAD_BYTES) },
		    on_head);
}

/* ---- modules ---- */

static bool
is_module(const char *name, size_t len)
{
	return len > 3 && memcmp(name + len - 3, ".so", 3) == 0;
}

/* The folder of a module; 0: it is none.  Walks the tree. */
static uint64_t
find_modules(const struct view *v, uint64_t data_off)
{
	const struct index *x = view_index(v);
	uint64_t nid = index_find_position(x, data_off);
	AUTO_FREE char *path = nid == 0 ? NULL : index_path(x, nid);
	char *slash = path == NULL ? NULL : strrchr(path, '/');

	if (slash == NULL || !is_module(path, strlen(path)))
		return 0;
	*slash = 0;
	return path_find(x, path);
}

/* False: it was noted before, or there is no room. */
static bool
note_folder(struct linked *l, uint64_t folder)
{
	for (unsigned i = 0; i < LINKED_FOLDERS; i++) {
		uint64_t there = 0;

		if (atomic_compare_exchange_strong(
			&l->folders[i], &there, folder))
			return true;
		if (there == folder)
			return false;
	}
	return false;
}

static void
look_into_modules(struct view *v, uint64_t folder)
{
	const struct index *x = view_index(v);
	struct index_entry entry;
	uint64_t cookie = 0, data_off, size;
	unsigned n = 0;

	while (n < MODULES && index_read_dir(x, folder, &cookie, &entry)) {
		if (entry.type != S_IFREG ||
		    !is_module(entry.name, entry.name_len) ||
		    !index_file(x, entry.nid, &data_off, &size) || size == 0 ||
		    size > MODULE_BYTES)
			continue;
		look_into(v, data_off, 0);
		n++;
	}
}

static void
look_into_modules_beside(const struct file *f)
{
	uint64_t folder = find_modules(f->view, f->data_off);

	if (folder != 0 && note_folder(f->linked, folder))
		look_into_modules(f->view, folder);
}

void
linked_note(struct linked *l, struct view *v, uint64_t data_off, const void *p,
    size_t n)
{
	struct file *f;
	struct elf x;

	if (n < SELFMAG || memcmp(p, ELFMAG, SELFMAG) != 0 ||
	    !elf_read_head(&x, p, min_u64(n, ELF_HEAD_BYTES)) ||
	    (f = file_new(v, data_off, 0)) == NULL)
		return;
	f->elf = x;
	f->linked = l;
	want(f, &x.dynamic, on_dynamic);
}
