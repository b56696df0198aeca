#include "daemon/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/toml.h"

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif

const char config_default_path[] = SYSCONFDIR "/layerfs/layerfs.toml";

enum key_type { KEY_TEXT, KEY_NUMBER, KEY_LIST };

struct key {
	const char *table; /* "" for the top */
	const char *name;
	enum key_type type;
	size_t offset;    /* in struct config */
	const char *text; /* default of a text; of a list, its items between
			     colons */
	int64_t number;   /* default, and the range */
	int64_t least, most;
	const char *meaning;
};

#define TEXT(table, name, field, value, meaning)                              \
	{                                                                     \
		table, name, KEY_TEXT, offsetof(struct config, field), value, \
		    0, 0, 0, meaning                                          \
	}
#define LIST(table, name, field, value, meaning)                              \
	{                                                                     \
		table, name, KEY_LIST, offsetof(struct config, field), value, \
		    0, 0, 0, meaning                                          \
	}
#define NUMBER_AS(table, name, field, value, least, most, meaning)             \
	{                                                                      \
		table, name, KEY_NUMBER, offsetof(struct config, field), NULL, \
		    value, least, most, meaning                                \
	}
#define NUMBER(table, name, value, least, most, meaning)                       \
	{                                                                      \
		table, #name, KEY_NUMBER, offsetof(struct config, name), NULL, \
		    value, least, most, meaning                                \
	}

static const struct key keys[] = {
	TEXT("", "log_level", log_level, "info", "error, warn, info or debug"),
	TEXT("", "log_format", log_format, "text",
	    "text, or json: a line an event with its fields"),
	TEXT("", "user", user, "",
	    "user that the worker runs as; empty: layerfs, else nobody"),
	NUMBER("", sandbox, 1, 0, 1,
	    "whether the worker may make only the system calls that it needs; "
	    "0: any"),
	LIST("registry", "hosts_dirs", hosts_dirs,
	    "/etc/layerfs/certs.d:/etc/containerd/certs.d",
	    "folders with HOST/hosts.toml, the first that has one wins"),
	TEXT("registry", "registries_conf", registries_conf,
	    "/etc/containers/registries.conf",
	    "podman's file of mirrors, with the drop-ins of the folder of that "
	    "name and .d; empty: none"),
	TEXT("registry", "ca_file", ca_file, "",
	    "PEM file with certificates to trust besides the system's"),
	LIST("registry", "credential_files", credential_files,
	    "/var/lib/kubelet/config.json:/etc/layerfs/auth.json",
	    "files with credentials as docker's config.json has them, which "
	    "root may read; the first that has one for an image wins"),
	NUMBER("registry", connect_timeout_ms, 10000, 100, 600000,
	    "how long a connection may take"),
	NUMBER("registry", stall_timeout_ms, 20000, 100, 600000,
	    "a transfer without a byte for so long is tried again"),
	NUMBER(
	    "registry", max_connections, 16, 1, 256, "connections to one host"),
	NUMBER("read", patience_ms, 30000, 0, UINT32_MAX,
	    "how long a read of data that is not here tries to fetch it before "
	    "it fails with EIO; 4294967295: for ever"),
	NUMBER("fetch", max_requests, 20, 1, 256,
	    "range requests under way at once"),
	NUMBER("fetch", decode_threads, 0, 0, 64,
	    "threads that decompress and verify; 0: one a core, 4 at most"),
	NUMBER("fetch", background_bytes_per_s, 0, 0, INT64_MAX,
	    "budget for fetching the rest of mounted images; 0: do not"),
	NUMBER("fetch", guess_percent, 50, 0, 100,
	    "how much of a layer may be fetched on a guess while readers wait, "
	    "in percent; 0: only what is read and its neighbourhood"),
	NUMBER("cache", quota_bytes, 0, 0, INT64_MAX,
	    "how much disk the contents of images may take; what was not read "
	    "for the longest is dropped and fetched again when it is read; 0: "
	    "no quota"),
	NUMBER("cache", min_free_percent, 5, 0, 90,
	    "the same when less of the disk than this is free; 0: do not"),
	NUMBER("cache", unused_days, 0, 0, 36500,
	    "an image that nobody used for so long is removed; 0: none is"),
	TEXT("mount", "kernel", mount_kernel, "auto",
	    "auto: where a trial at start succeeds, the kernel's EROFS reads "
	    "folders and attributes by itself; off: layerfs answers for them "
	    "(FUSE); loop: the kernel, by loop devices"),
	NUMBER("mount", fuse_threads, 0, 0, 64,
	    "threads that answer the kernel; 0: 2 to 4, by cores"),
	NUMBER("mount", read_ahead_kb, 1024, 0, 65536,
	    "the kernel's readahead window"),
	NUMBER("profile", record_ms, 30000, 0, 3600000,
	    "how long after its first read a run of an image is recorded at "
	    "most; 0: nothing is recorded"),
	NUMBER("profile", quiet_ms, 5000, 100, 3600000,
	    "a run that reads nothing new for so long has started: its "
	    "recording ends"),
	TEXT("index", "trust", index_trust, "tag",
	    "which references an index found beside an image is believed for: "
	    "tag, always, or never"),
	NUMBER("index", wait_ms, 500, 0, 600000,
	    "how long a mount waits at least for what may lie beside an image, "
	    "once the manifest is here"),
	TEXT("publish", "mode", publish_mode, "ask",
	    "indexes of plain layers, and profiles of starts, for other nodes: "
	    "ask: written to a registry by command only; on: also by itself, "
	    "after an image's first start; off: never"),
	NUMBER_AS("publish", "aliases", publish_aliases, 1, 0, 1,
	    "whether also under tags of their own, which saves other nodes "
	    "round trips, and by which alone they find a profile; 0: only as "
	    "referrers"),
	NUMBER_AS("publish", "delay_ms", publish_delay_ms, 20000, 0, 3600000,
	    "how long after an image was opened, and up to half more"),
	NUMBER("snapshotter", whole_layer_bytes, 1 << 20, 1, INT64_MAX,
	    "a layer without a table of contents is read whole when a "
	    "container runtime pulls it, if it is no larger; else the runtime "
	    "downloads and unpacks it"),
	NUMBER("snapshotter", small_layer_bytes, 1 << 20, 0, INT64_MAX,
	    "a layer no larger than this is fetched whole when a container "
	    "runtime pulls it"),
	NUMBER("snapshotter", prepare_timeout_ms, 20000, 100, 600000,
	    "how long a container runtime's pull waits for a registry before "
	    "the runtime downloads by itself"),
	TEXT("cri", "containerd", cri_containerd, "",
	    "containerd's socket: RUN/cri.sock forwards to it what kubelet "
	    "asks of images, and layerfs pulls with kubelet's credentials; "
	    "empty: do not"),
	NUMBER("podman", layer_store, 1, 0, 1,
	    "whether root's daemon shows podman and CRI-O a layer store at "
	    "RUN/store; 0: no"),
	NUMBER_AS("metrics", "socket", metrics_socket, 1, 0, 1,
	    "whether RUN/metrics.sock, which only root may open, tells "
	    "metrics; "
	    "0: no"),
	TEXT("metrics", "address", metrics_address, "",
	    "a loopback address and port, like 127.0.0.1:9464, that tells them "
	    "to every user of this machine, too; empty: none"),
};

enum { N_KEYS = sizeof keys / sizeof *keys };

static void *
field_of(struct config *c, const struct key *k)
{
	return (char *)c + k->offset;
}

/* ---- setting ---- */

static int
set_text(struct config *c, const struct key *k, const char *v, struct err *e)
{
	char **field = field_of(c, k);
	char *copy = strdup(v);

	if (copy == NULL)
		return err_set(e, ENOMEM, "%s", k->name);
	free(*field);
	*field = copy;
	return 0;
}

static void
clear_list(struct config *c, const struct key *k)
{
	char **list = field_of(c, k);

	for (size_t i = 0; i < CONFIG_DIRS_MAX; i++) {
		free(list[i]);
		list[i] = NULL;
	}
}

static int
add_item(struct config *c, const struct key *k, const char *v, size_t n,
    struct err *e)
{
	char **list = field_of(c, k);
	size_t i = 0;

	while (list[i] != NULL)
		i++;
	if (i == CONFIG_DIRS_MAX)
		return err_set(e, E2BIG, "%s: more than %d items", k->name,
		    CONFIG_DIRS_MAX);
	list[i] = strndup(v, n);
	return list[i] == NULL ? err_set(e, ENOMEM, "%s", k->name) : 0;
}

static int
set_default(struct config *c, const struct key *k, struct err *e)
{
	switch (k->type) {
	case KEY_TEXT:
		return set_text(c, k, k->text, e);
	case KEY_NUMBER:
		*(int64_t *)field_of(c, k) = k->number;
		return 0;
	case KEY_LIST:
		for (const char *p = k->text; *p != 0;) {
			size_t n = strcspn(p, ":");

			if (add_item(c, k, p, n, e) < 0)
				return -1;
			p += n + (p[n] == ':');
		}
	}
	return 0;
}

static int
set_number(
    struct config *c, const struct key *k, const struct doc *v, struct err *e)
{
	if (!doc_is_int(v))
		return err_set(e, EINVAL, "%s is not a whole number", k->name);
	if (doc_int(v) < k->least || doc_int(v) > k->most)
		return err_set(e, EINVAL, "%s must be from %jd to %jd", k->name,
		    (intmax_t)k->least, (intmax_t)k->most);
	*(int64_t *)field_of(c, k) = doc_int(v);
	return 0;
}

static int
set_list(
    struct config *c, const struct key *k, const struct doc *v, struct err *e)
{
	if (!doc_is_array(v))
		return err_set(e, EINVAL, "%s is not a list", k->name);
	clear_list(c, k);
	for (size_t i = 0; i < doc_count(v); i++) {
		const char *s = doc_string(doc_at(v, i));

		if (s == NULL)
			return err_set(
			    e, EINVAL, "%s holds more than texts", k->name);
		if (add_item(c, k, s, strlen(s), e) < 0)
			return -1;
	}
	return 0;
}

static int
set_value(
    struct config *c, const struct key *k, const struct doc *v, struct err *e)
{
	if (k->type == KEY_NUMBER)
		return set_number(c, k, v, e);
	if (k->type == KEY_LIST)
		return set_list(c, k, v, e);
	if (!doc_is_string(v))
		return err_set(e, EINVAL, "%s is not a text", k->name);
	return set_text(c, k, doc_string(v), e);
}

static const struct key *
find_key(const char *table, const char *name)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcmp(keys[i].table, table) == 0 &&
		    strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static bool
is_table(const char *name)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcmp(keys[i].table, name) == 0)
			return true;
	return false;
}

static int
read_table(struct config *c, const char *table, struct doc *t, struct err *e)
{
	doc_for_each(t, name, v) {
		const struct key *k = find_key(table, name);

		if (k != NULL) {
			if (set_value(c, k, v, e) < 0)
				return -1;
		} else if (*table == 0 && doc_is_object(v) && is_table(name)) {
			if (read_table(c, name, v, e) < 0)
				return err_wrap(e, "[%s]", name);
		} else {
			return err_set(e, EINVAL, "there is no %s \"%s\"",
			    doc_is_object(v) ? "table" : "key", name);
		}
	}
	return 0;
}

static int
read_file(struct config *c, int fd, struct err *e)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);
	AUTO_DOC struct doc *t = NULL;

	if (fs_read_all(fd, &text, e) < 0)
		return -1;
	t = toml_parse(buf_str(&text), text.len, e);
	return t == NULL ? -1 : read_table(c, "", t, e);
}

static int
set_defaults(struct config *c, struct err *e)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (set_default(c, &keys[i], e) < 0)
			return -1;
	return 0;
}

int
config_read(struct config *c, int fd, struct err *e)
{
	*c = (struct config){ 0 };
	if (set_defaults(c, e) == 0 && (fd < 0 || read_file(c, fd, e) == 0))
		return 0;
	config_release(c);
	return err_wrap(e, "configuration");
}

int
config_load(struct config *c, const char *path, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "open %s", path);
	if (config_read(c, fd, e) < 0)
		return err_wrap(e, "%s", path);
	return 0;
}

void
config_release(struct config *c)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		if (keys[i].type == KEY_LIST)
			clear_list(c, &keys[i]);
		else if (keys[i].type == KEY_TEXT)
			free(*(char **)field_of(c, &keys[i]));
	}
	*c = (struct config){ 0 };
}

/* ---- telling ---- */

static void
print_value(const struct key *k)
{
	if (k->type == KEY_NUMBER) {
		printf("%jd", (intmax_t)k->number);
		return;
	}
	if (k->type == KEY_TEXT) {
		printf("\"%s\"", k->text);
		return;
	}
	printf("[");
	for (const char *p = k->text; *p != 0;) {
		size_t n = strcspn(p, ":");

		printf("\"%.*s\"%s", (int)n, p, p[n] == ':' ? ", " : "");
		p += n + (p[n] == ':');
	}
	printf("]");
}

void
config_print_defaults(void)
{
	const char *table = "";

	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(table, keys[i].table) != 0)
			printf("\n[%s]\n", keys[i].table);
		table = keys[i].table;
		printf("# %s\n# %s = ", keys[i].meaning, keys[i].name);
		print_value(&keys[i]);
		printf("\n");
	}
}
