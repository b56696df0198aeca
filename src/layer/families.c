#include "layer/families.h"

#include <stdlib.h>
#include <string.h>

#include "fetch/kin.h"
#include "index/index.h"
#include "store/map.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/hmap.h"

/* Longer ones are names. */
enum { ENDING_BYTES = 8 };

struct file {
	uint64_t ending;
	uint32_t object;
	uint32_t turn; /* among the folder's */
};

struct folder {
	uint64_t nid, parent, grandparent;
	uint64_t name; /* a hash */
};

struct search {
	const struct index *index;
	const struct map *map;
	struct kin *kin;
	struct file *files; /* of one folder */
	size_t n, room;
};

static bool
is_number(const char *p, size_t n)
{
	return n > 0 && strspn(p, "0123456789") >= n;
}

/* What follows the last point, versions left out: ".so" of libc.so.6; 0: none. */
static uint64_t
hash_ending(const char *name, size_t len)
{
	const char *point = memrchr(name, '.', len);

	while (point != NULL && point > name &&
	       is_number(point + 1, name + len - point - 1)) {
		len = point - name;
		point = memrchr(name, '.', len);
	}
	if (point == NULL || name + len - point > ENDING_BYTES)
		return 0;
	return hash_bytes(point, name + len - point, 0);
}

static int
add_file(struct search *s, const struct index_entry *entry, struct err *e)
{
	uint64_t data_off, size;
	uint32_t object;

	if (!index_file(s->index, entry->nid, &data_off, &size) || size == 0 ||
	    !map_find_object(s->map, data_off, &object))
		return 0;
	if (s->n == s->room) {
		size_t room = s->room == 0 ? 256 : 2 * s->room;
		struct file *grown =
		    reallocarray(s->files, room, sizeof *grown);

		if (grown == NULL)
			return err_set(
			    e, ENOMEM, "a folder of %zu files", room);
		s->files = grown;
		s->room = room;
	}
	s->files[s->n] =
	    (struct file){ hash_ending(entry->name, entry->name_len), object,
		    s->n };
	s->n++;
	return 0;
}

static int
compare_files(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->ending != y->ending)
		return x->ending < y->ending ? -1 : 1;
	return (x->turn > y->turn) - (x->turn < y->turn);
}

static int
add_families(struct search *s, const struct folder *f, struct err *e)
{
	if (s->n > 0)
		qsort(s->files, s->n, sizeof *s->files, compare_files);
	for (size_t i = 0; i < s->n; i++) {
		uint64_t ending = s->files[i].ending;
		uint64_t name = hash_u64(f->name ^ ending);
		struct kin_keys keys = {
			.grandparent = hash_u64(name ^ f->grandparent),
			.parent = hash_u64(name ^ f->parent),
			.among = hash_u64(ending ^ f->parent),
		};

		if ((i == 0 || ending != s->files[i - 1].ending) &&
		    kin_begin_family(s->kin, &keys, e) < 0)
			return -1;
		kin_add_object(s->kin, s->files[i].object);
	}
	s->n = 0;
	return 0;
}

/* ---- the tree ---- */

static int
list_files(struct search *s, const struct folder *f, struct err *e)
{
	struct index_entry entry;
	uint64_t cookie = 0;

	while (index_read_dir(s->index, f->nid, &cookie, &entry))
		if (entry.type == S_IFREG && add_file(s, &entry, e) < 0)
			return -1;
	return add_families(s, f, e);
}

static bool
is_itself_or_parent(const struct index_entry *entry)
{
	return entry->name[0] == '.' &&
	       (entry->name_len == 1 ||
		   (entry->name_len == 2 && entry->name[1] == '.'));
}

/* As deep as the index allows (LIMIT_DEPTH). */
static int
walk(struct search *s, const struct folder *f, struct err *e)
{
	struct index_entry entry;
	uint64_t cookie = 0;

	if (list_files(s, f, e) < 0)
		return -1;
	while (index_read_dir(s->index, f->nid, &cookie, &entry)) {
		struct folder child = {
			.nid = entry.nid,
			.parent = f->nid,
			.grandparent = f->parent,
			.name = hash_bytes(entry.name, entry.name_len, 0),
		};

		if (entry.type == S_IFDIR && !is_itself_or_parent(&entry) &&
		    walk(s, &child, e) < 0)
			return -1;
	}
	return 0;
}

struct kin *
families_find(const struct index *x, const struct map *m, struct err *e)
{
	AUTO_KIN struct kin *k = kin_new(map_n_objects(m), e);
	struct search s = { .index = x, .map = m, .kin = k };
	const struct folder root = { .nid = INDEX_ROOT };
	int rc = k == NULL ? -1 : walk(&s, &root, e);

	free(s.files);
	return rc < 0 ? NULL : take_ptr(&k);
}
