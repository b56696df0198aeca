#include "registry/hosts_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "registry/hosts.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

enum { LOOK_AGAIN_S = 3 };

/* Which file it was, and in which state. */
struct stamp {
	char path[LIMIT_PATH_BYTES]; /* "" when there was none */
	struct timespec changed;
	ino_t inode;
	off_t size;
};

struct named {
	struct hnode node;
	char *namespace;
	bool is_plain;
	struct host_list *list; /* NULL before it is needed */
	uint64_t looked_ns;
	struct stamp stamp;
};

static uint64_t
hash_name(const char *namespace)
{
	return hash_bytes(namespace, strlen(namespace), 0);
}

int
hosts_dir_init(struct hosts_dir *d, const char *const *dirs,
    const char *ca_file, struct err *e)
{
	size_t n = 0;

	*d = (struct hosts_dir){ .names = HMAP_INIT };
	buf_init(&d->ca_pem, LIMIT_CONFIG_FILE_BYTES);
	while (dirs != NULL && dirs[n] != NULL)
		n++;
	d->dirs = calloc(n + 1, sizeof *d->dirs);
	if (d->dirs == NULL)
		return err_set(e, ENOMEM, "hosts");
	for (size_t i = 0; i < n; i++)
		if ((d->dirs[i] = strdup(dirs[i])) == NULL) {
			hosts_dir_release(d);
			return err_set(e, ENOMEM, "hosts");
		}
	if (ca_file == NULL ||
	    fs_read_file(AT_FDCWD, ca_file, &d->ca_pem, e) == 0)
		return 0;
	hosts_dir_release(d);
	return err_wrap(e, "certificate authorities");
}

static void
named_free(struct named *k)
{
	host_list_unref(k->list);
	free(k->namespace);
	free(k);
}

void
hosts_dir_release(struct hosts_dir *d)
{
	struct hnode *n;

	while ((n = hmap_any(&d->names)) != NULL) {
		hmap_remove(&d->names, n);
		named_free(container_of(n, struct named, node));
	}
	hmap_release(&d->names);
	for (char **p = d->dirs; p != NULL && *p != NULL; p++)
		free(*p);
	free(d->dirs);
	buf_release(&d->ca_pem);
	*d = (struct hosts_dir){ 0 };
}

static struct named *
get_named(struct hosts_dir *d, const char *namespace, struct err *e)
{
	uint64_t hash = hash_name(namespace);
	struct named *k;

	hmap_for_each_match(&d->names, hash, n) {
		k = container_of(n, struct named, node);
		if (strcmp(k->namespace, namespace) == 0)
			return k;
	}
	k = calloc(1, sizeof *k);
	if (k == NULL || (k->namespace = strdup(namespace)) == NULL) {
		free(k);
		err_set(e, ENOMEM, "hosts");
		return NULL;
	}
	hmap_insert(&d->names, &k->node, hash);
	return k;
}

/* HOST_PORT_, HOST:PORT, HOST, _default: the i-th folder name, false when there
 * is no such. */
static bool
folder_name(const char *namespace, unsigned i, char out[256])
{
	const char *colon = strrchr(namespace, ':');
	int host_len;

	if (colon != NULL && strchr(colon, ']') != NULL)
		colon = NULL;
	host_len = colon != NULL ? colon - namespace : (int)strlen(namespace);
	switch (i) {
	case 0:
		return colon != NULL && snprintf(out, 256, "%.*s_%s_", host_len,
					    namespace, colon + 1) < 256;
	case 1:
		return colon != NULL &&
		       snprintf(out, 256, "%s", namespace) < 256;
	case 2:
		return snprintf(out, 256, "%.*s", host_len, namespace) < 256;
	default:
		return snprintf(out, 256, "_default") < 256;
	}
}

static bool
stamp_file(struct stamp *s, const char *dir, const char *name)
{
	struct stat st;

	if (snprintf(s->path, sizeof s->path, "%s/%s/hosts.toml", dir, name) >=
		(int)sizeof s->path ||
	    stat(s->path, &st) < 0)
		return false;
	s->changed = st.st_mtim;
	s->inode = st.st_ino;
	s->size = st.st_size;
	return true;
}

static void
look(const struct hosts_dir *d, const char *namespace, struct stamp *s)
{
	for (char **dir = d->dirs; *dir != NULL; dir++) {
		for (unsigned i = 0; i < 4; i++) {
			char name[256];

			if (folder_name(namespace, i, name) &&
			    stamp_file(s, *dir, name))
				return;
		}
	}
	*s = (struct stamp){ 0 };
}

static bool
stamps_equal(const struct stamp *a, const struct stamp *b)
{
	return strcmp(a->path, b->path) == 0 && a->inode == b->inode &&
	       a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static struct host_list *
read_list(const struct named *k, const struct stamp *s, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);
	AUTO_FREE char *folder = NULL;
	struct host_list *l;

	if (s->path[0] == 0)
		return hosts_default(k->namespace, k->is_plain, e);
	if (fs_read_file(AT_FDCWD, s->path, &text, e) < 0)
		return NULL;
	folder = strndup(s->path, strrchr(s->path, '/') - s->path);
	if (folder == NULL) {
		err_set(e, ENOMEM, "hosts");
		return NULL;
	}
	l = hosts_parse(k->namespace, buf_str(&text), text.len, folder, e);
	if (l == NULL)
		err_wrap(e, "%s", s->path);
	return l;
}

static int
refresh(const struct hosts_dir *d, struct named *k, struct err *e)
{
	AUTO_HOST_LIST struct host_list *l = NULL;
	struct stamp now = { 0 };

	look(d, k->namespace, &now);
	if (k->list != NULL && stamps_equal(&now, &k->stamp))
		return 0;
	l = read_list(k, &now, e);
	if (l == NULL || hosts_load_ca(l, &d->ca_pem, e) < 0)
		return -1;
	host_list_unref(k->list);
	k->list = take_ptr(&l);
	k->stamp = now;
	return 0;
}

struct host_list *
hosts_dir_get(struct hosts_dir *d, const char *namespace, struct err *e)
{
	struct named *k = get_named(d, namespace, e);
	uint64_t now = clock_now_ns();

	if (k == NULL)
		return NULL;
	if (k->list == NULL || now > k->looked_ns + LOOK_AGAIN_S * NS_PER_S) {
		if (refresh(d, k, e) < 0)
			return NULL;
		k->looked_ns = now;
	}
	return host_list_ref(k->list);
}

int
hosts_dir_set_plain(struct hosts_dir *d, const char *namespace, struct err *e)
{
	struct named *k = get_named(d, namespace, e);

	if (k == NULL)
		return -1;
	k->is_plain = true;
	host_list_unref(take_ptr(&k->list));
	return 0;
}
