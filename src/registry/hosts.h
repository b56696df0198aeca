/* The hosts that serve a registry's name: containerd's hosts.toml.
 *
 *	server = "https://registry-1.docker.io"
 *	[host."https://mirror.example:5000"]
 *	  capabilities = ["pull", "resolve"]  # these without it; and "push"
 *	  ca = "mirror.pem"              # or a list
 *	  client = [["cert.pem", "key.pem"]]
 *	  skip_verify = false
 *	  override_path = false          # the URL's path is used without /v2
 *	  dial_timeout = "2s"            # or ms, m; else the client's
 *	  [host."https://mirror.example:5000".header]
 *	    x-custom = "value"
 *
 * A list is read only after it was made, but for `base` and `origin` of a host
 * that may_be_tls, which belong to the http thread.
 */
#ifndef REGISTRY_HOSTS_H
#define REGISTRY_HOSTS_H

#include "net/http.h"
#include "net/url.h"
#include "base/bytes.h"
#include "base/cleanup.h"

struct err;

/* The registry itself may be written to, a mirror only where it says so: most
 * are caches, and what is written is for everybody. */
enum { HOST_PULL = 1, HOST_RESOLVE = 2, HOST_PUSH = 4 };

enum { LIMIT_HOSTS = 32, LIMIT_HOST_HEADERS = 32, LIMIT_HOST_CAS = 16 };

struct host {
	char *base; /* "https://mirror:5000/v2", no slash at the end */
	struct origin origin;
	char *authority;  /* "mirror:5000" */
	unsigned can;     /* HOST_... */
	bool is_proxy;    /* stands for another: gets ?ns= */
	bool has_no_ns;   /* but is not told for whom */
	char *repository; /* what it calls the repository; NULL: as asked */
	bool may_be_tls;  /* http:// was a guess */
	uint32_t connect_timeout_ms; /* 0: the client's */
	char **headers;              /* "Name: value", NULL ends; may be NULL */
	size_t n_headers;
	char **ca_files;
	size_t n_ca_files;
	char *client_cert;
	char *client_key;
	struct buf ca_pem;
	struct http_tls tls; /* borrows from the above */
};

struct host_list {
	_Atomic unsigned refs;
	char *namespace;
	struct host *hosts;
	size_t n;
};

struct host_list *host_list_ref(struct host_list *l);
void host_list_unref(struct host_list *l);

static inline void
host_list_cleanup(struct host_list **l)
{
	host_list_unref(*l);
}

#define AUTO_HOST_LIST CLEANUP(host_list_cleanup)

/* Pure: the list of a hosts.toml; `folder` is what relative file names are
 * relative to.  The namespace's own host comes last.  EBADMSG. */
struct host_list *hosts_parse(const char *namespace, const char *text, size_t n,
    const char *folder, struct err *e);

/* Without any file. */
struct host_list *hosts_default(
    const char *namespace, bool is_plain, struct err *e);

/* For who makes a list by himself: room for n hosts, to be added in order. */
struct host_list *host_list_new(const char *namespace, size_t n, struct err *e);

struct host_place {
	const char *scheme; /* "http://"; NULL: as hosts_default() has it */
	const char *name;   /* the host is its first authority_len bytes */
	int authority_len;
	const char *repository; /* copied */
	unsigned can;
	bool skip_verify;
};
int host_list_add(
    struct host_list *l, const struct host_place *p, struct err *e);

/* Reads the list's CA files; `also` (may be NULL) is trusted for all.  Blocks
 * on disk. */
int hosts_load_ca(struct host_list *l, const struct buf *also, struct err *e);

#endif
