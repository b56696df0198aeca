/* certs.d folders: where the hosts of a name are looked up, and kept until
 * their files change.  Looks at the disk at most every few seconds a name.
 * Not locked: its user holds a lock.
 */
#ifndef REGISTRY_HOSTS_DIR_H
#define REGISTRY_HOSTS_DIR_H

#include "base/bytes.h"
#include "base/hmap.h"

struct err;
struct host_list;

struct hosts_dir {
	char **dirs; /* NULL ends */
	struct buf ca_pem;
	struct hmap names;
};

/* Copies the list of folders; `ca_file` is read here and may be NULL. */
int hosts_dir_init(struct hosts_dir *d, const char *const *dirs,
    const char *ca_file, struct err *e);
void hosts_dir_release(struct hosts_dir *d);

/* A reference to the name's list.  Errors name the file. */
struct host_list *hosts_dir_get(
    struct hosts_dir *d, const char *namespace, struct err *e);

/* http:// for the name, where no file says otherwise. */
int hosts_dir_set_plain(
    struct hosts_dir *d, const char *namespace, struct err *e);

#endif
