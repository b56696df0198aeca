/* Where the hosts of a name are looked up, and kept until their files change:
 *
 *	certs.d folders' HOST_PORT_, HOST:PORT, HOST
 *	registries.conf, where one is about the repository
 *	certs.d folders' _default
 *	else the name's own host
 *
 * Looks at the disk at most every few seconds a name.  Not locked: its user holds
 * a lock.
 */
#ifndef REGISTRY_HOSTS_DIR_H
#define REGISTRY_HOSTS_DIR_H

#include "registry/registries_files.h"
#include "base/bytes.h"
#include "base/hmap.h"

struct err;
struct host_list;

struct hosts_dir {
	char **dirs; /* NULL ends */
	struct buf ca_pem;
	struct registries_files registries;
	struct hmap names;
};

/* Copies the list of folders and the path of registries.conf; `ca_file` is read
 * here; both may be NULL. */
int hosts_dir_init(struct hosts_dir *d, const char *const *dirs,
    const char *registries_conf, const char *ca_file, struct err *e);
void hosts_dir_release(struct hosts_dir *d);

/* A reference to the repository's list.  Errors name the file; one that was right when
 * it was read before, and is damaged now, is only warned of. */
struct host_list *hosts_dir_get(struct hosts_dir *d, const char *namespace,
    const char *repository, struct err *e);

/* http:// for the name, where no file says otherwise. */
int hosts_dir_set_plain(
    struct hosts_dir *d, const char *namespace, struct err *e);

#endif
