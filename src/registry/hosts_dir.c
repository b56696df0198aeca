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
#include "base/log.h"

enum { LOOK_AGAIN_S = 3, MOST_NAMES = 4096 };

/* Which file it was, and in which state. */
struct stamp {
	char path[LIMIT_PATH_BYTES]; /* "" when there was none */
	struct timespec changed;
	ino_t inode;
	off_t size;
	uint64_t authorities;          /* of its hosts: their files */
	char barred[LIMIT_PATH_BYTES]; /* who may not be looked at; "" none */
	bool is_default;               /* _default's */
	unsigned generation;           /* of registries.conf; 0: not its */
};

struct named {
	struct hnode node;
	char *key; /* the namespace, "/", the repository where
			     registries.conf is about it */
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
    const char *registries_conf, const char *ca_file, struct err *e)
{
	size_t n = 0;

	*d = (struct hosts_dir){ .names = HMAP_INIT };
	buf_init(&d->ca_pem, LIMIT_CONFIG_FILE_BYTES);
	if (registries_files_init(&d->registries, registries_conf, e) < 0)
		return -1;
	while (dirs != NULL && dirs[n] != NULL)
		n++;
	d->dirs = calloc(n + 1, sizeof *d->dirs);
	if (d->dirs == NULL) {
		hosts_dir_release(d);
		return err_set(e, ENOMEM, "hosts");
	}
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
	free(k->key);
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
	registries_files_release(&d->registries);
	buf_release(&d->ca_pem);
	*d = (struct hosts_dir){ 0 };
}

static struct named *
named_new(const char *namespace, const char *key)
{
	struct named *k = calloc(1, sizeof *k);

	if (k == NULL)
		return NULL;
	k->namespace = strdup(namespace);
	k->key = strdup(key);
	if (k->namespace != NULL && k->key != NULL)
		return k;
	named_free(k);
	return NULL;
}

/* Repositories are many: any may be looked up again.  Namespaces stay, for what
 * was said of them. */
static void
make_room(struct hosts_dir *d)
{
	if (d->names.count < MOST_NAMES)
		return;
	hmap_for_each(&d->names, n) {
		struct named *k = container_of(n, struct named, node);

		if (strchr(k->key, '/') == NULL)
			continue;
		hmap_remove(&d->names, n);
		named_free(k);
		return;
	}
}

static struct named *
get_named(
    struct hosts_dir *d, const char *namespace, const char *key, struct err *e)
{
	uint64_t hash = hash_name(key);
	struct named *k;

	hmap_for_each_match(&d->names, hash, n) {
		k = container_of(n, struct named, node);
		if (strcmp(k->key, key) == 0)
			return k;
	}
	make_room(d);
	k = named_new(namespace, key);
	if (k == NULL) {
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
	    (int)sizeof s->path)
		return false;
	if (stat(s->path, &st) < 0) {
		if (errno == EACCES && *s->barred == 0)
			snprintf(s->barred, sizeof s->barred, "%s", s->path);
		return false;
	}
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
			    stamp_file(s, *dir, name)) {
				s->is_default = i == 3;
				return;
			}
		}
	}
	s->path[0] = 0;
}

static bool
stamps_equal(const struct stamp *a, const struct stamp *b)
{
	return strcmp(a->path, b->path) == 0 && a->inode == b->inode &&
	       a->size == b->size && a->authorities == b->authorities &&
	       strcmp(a->barred, b->barred) == 0 &&
	       a->generation == b->generation &&
	       a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static struct host_list *
read_file(const struct named *k, const struct stamp *s, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);
	AUTO_FREE char *folder = NULL;
	struct host_list *l;

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

/* Certificates are renewed in place. */
static uint64_t
stamp_authorities(const struct host_list *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; l != NULL && i < l->n; i++)
		for (size_t k = 0; k < l->hosts[i].n_ca_files; k++) {
			struct stat st = { 0 };

			if (stat(l->hosts[i].ca_files[k], &st) < 0)
				st.st_size = -1;
			sum = hash_u64(sum ^ st.st_ino) ^ st.st_size;
			sum = hash_u64(sum ^ st.st_mtim.tv_sec) ^
			      st.st_mtim.tv_nsec;
		}
	return sum;
}

/* One that somebody is about to edit is damaged for a while: what it said before
 * goes on until it says something again. */
static int
keep_old(struct named *k, const struct stamp *now, struct err *e)
{
	if (k->list == NULL)
		return -1;
	log_warn("%s; what it said before is used", e->msg);
	*e = ERR_INIT;
	k->stamp = *now;
	return 0;
}

/* `rule` is registries.conf's about it, or NULL. */
static struct host_list *
read_list(const struct named *k, const struct stamp *s,
    const struct registries_rule *rule, struct err *e)
{
	if (s->generation != 0)
		return registries_rule_hosts(
		    rule, k->namespace, k->key + strlen(k->namespace) + 1, e);
	return *s->path != 0 ? read_file(k, s, e)
			     : hosts_default(k->namespace, k->is_plain, e);
}

static int
refresh(const struct hosts_dir *d, struct named *k,
    const struct registries_rule *rule, struct err *e)
{
	AUTO_HOST_LIST struct host_list *l = NULL;
	struct stamp now = { .authorities = stamp_authorities(k->list) };

	look(d, k->namespace, &now);
	if (rule != NULL && (*now.path == 0 || now.is_default))
		now.generation = d->registries.generation;
	if (k->list != NULL && stamps_equal(&now, &k->stamp))
		return 0;
	if (*now.barred != 0)
		log_warn("%s: the daemon's user may not look whether there is "
			 "one; it is left out",
		    now.barred);
	l = read_list(k, &now, rule, e);
	if (l == NULL || hosts_load_ca(l, &d->ca_pem, e) < 0)
		return keep_old(k, &now, e);
	host_list_unref(k->list);
	k->list = take_ptr(&l);
	k->stamp = now;
	k->stamp.authorities = stamp_authorities(k->list);
	return 0;
}

struct host_list *
hosts_dir_get(struct hosts_dir *d, const char *namespace,
    const char *repository, struct err *e)
{
	char key[2 * LIMIT_REFERENCE_BYTES];
	const struct registries_rule *rule;
	uint64_t now = clock_now_ns();
	struct named *k;

	registries_files_look(&d->registries);
	rule = registries_conf_find(&d->registries.conf, namespace, repository);
	snprintf(key, sizeof key, "%s%s%s", namespace, rule != NULL ? "/" : "",
	    rule != NULL ? repository : "");
	k = get_named(d, namespace, key, e);
	if (k == NULL)
		return NULL;
	if (k->list == NULL || now > k->looked_ns + LOOK_AGAIN_S * NS_PER_S) {
		if (refresh(d, k, rule, e) < 0)
			return NULL;
		k->looked_ns = now;
	}
	return host_list_ref(k->list);
}

int
hosts_dir_set_plain(struct hosts_dir *d, const char *namespace, struct err *e)
{
	struct named *k = get_named(d, namespace, namespace, e);

	if (k == NULL)
		return -1;
	k->is_plain = true;
	host_list_unref(take_ptr(&k->list));
	return 0;
}
