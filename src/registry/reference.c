#include "registry/reference.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/limits.h"

enum { PATH_MAX_BYTES = 255, TAG_MAX_BYTES = 128, HEX_ID_BYTES = 64 };

static const char docker_host[] = "docker.io";

void
reference_release(struct reference *r)
{
	free(r->host);
	free(r->repository);
	free(r->tag);
	free(r->name);
	*r = (struct reference){ 0 };
}

static bool
is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* [a-z0-9]+ joined by one '.', one or two '_', or any run of '-'. */
static bool
is_path_part(const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t start = i, run;

		while (i < n && is_lower_alnum(s[i]))
			i++;
		if (i == start)
			return false;
		if (i == n)
			return true;
		for (run = 1; i + run < n && s[i + run] == s[i];)
			run++;
		if (s[i] != '-' && s[i] != '.' && s[i] != '_')
			return false;
		if ((s[i] == '.' && run > 1) || (s[i] == '_' && run > 2))
			return false;
		i += run;
	}
	return false;
}

static bool
is_hex_id(const char *s)
{
	return strlen(s) == HEX_ID_BYTES &&
	       strspn(s, "0123456789abcdef") == HEX_ID_BYTES;
}

static int
check_path(const char *path, struct err *e)
{
	if (strlen(path) > PATH_MAX_BYTES)
		return err_set(
		    e, EINVAL, "the path is over %d bytes", PATH_MAX_BYTES);
	for (const char *s = path;; s++) {
		size_t n = strcspn(s, "/");

		if (!is_path_part(s, n))
			return err_set(e, EINVAL,
			    "\"%.*s\" in the path: only a-z, 0-9 and single "
			    "separators . _ __ - inside",
			    (int)n, s);
		s += n;
		if (*s == 0)
			return 0;
	}
}

static bool
is_tag(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > TAG_MAX_BYTES || *s == '.' || *s == '-')
		return false;
	for (; *s != 0; s++)
		if (!isascii(*s) || (!isalnum(*s) && strchr("_.-", *s) == NULL))
			return false;
	return true;
}

static bool
is_port(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n >= 1 && n <= 5 && s[n] == 0 && atoi(s) >= 1 &&
	       atoi(s) <= 65535;
}

static bool
is_domain(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool at_edge =
		    i == 0 || i + 1 == n || s[i - 1] == '.' || s[i + 1] == '.';

		if (!isascii(s[i]) ||
		    (!isalnum(s[i]) && s[i] != '-' && s[i] != '.'))
			return false;
		if (at_edge && s[i] == '-')
			return false;
		if (s[i] == '.' && (i == 0 || i + 1 == n || s[i + 1] == '.'))
			return false;
	}
	return n > 0 && n < 254;
}

static bool
is_ipv6(const char *s, size_t n)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;

	if (n >= sizeof text)
		return false;
	memcpy(text, s, n);
	text[n] = 0;
	return inet_pton(AF_INET6, text, &a) == 1;
}

static bool
is_host(const char *s)
{
	const char *end = *s == '[' ? strchr(s, ']') : strchrnul(s, ':');

	if (end == NULL)
		return false;
	if (*s == '[' ? !is_ipv6(s + 1, end - s - 1) : !is_domain(s, end - s))
		return false;
	if (*end == ']')
		end++;
	return *end == 0 || (*end == ':' && is_port(end + 1));
}

static int
no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "a reference");
}

/* Cuts "@sha256:..." and ":tag" off the end of text. */
static int
cut_suffixes(struct reference *r, char *text, struct err *e)
{
	char *at = strchr(text, '@');
	char *colon;

	if (at != NULL) {
		*at = 0;
		if (digest_parse(&r->digest, at + 1, e) < 0)
			return err_set(e, e->code == ENOTSUP ? ENOTSUP : EINVAL,
			    "after the @ a digest sha256:<64 hex> is expected");
		r->has_digest = true;
	}
	colon = strrchr(text, ':');
	if (colon == NULL || strchr(colon, '/') != NULL)
		return 0;
	*colon = 0;
	if (!is_tag(colon + 1))
		return err_set(e, EINVAL, "\"%s\" is no tag", colon + 1);
	r->tag = strdup(colon + 1);
	return r->tag == NULL ? no_memory(e) : 0;
}

/* The first part is a host when it can be no path part of Docker Hub. */
static int
split_host(struct reference *r, char *text, struct err *e)
{
	char *slash = strchr(text, '/');
	bool has_host;

	if (slash != NULL)
		*slash = 0;
	has_host = slash != NULL && (strpbrk(text, ".:") != NULL ||
					strcmp(text, "localhost") == 0);
	if (has_host && !is_host(text))
		return err_set(e, EINVAL, "\"%s\" is no host name", text);
	if (slash != NULL)
		*slash = '/';
	if (!has_host) {
		r->host = strdup(docker_host);
		r->repository = strdup(text);
	} else {
		r->host = strndup(text, slash - text);
		r->repository = strdup(slash + 1);
	}
	return r->host == NULL || r->repository == NULL ? no_memory(e) : 0;
}

static int
normalise_host(struct reference *r, struct err *e)
{
	char *whole;

	for (char *c = r->host; *c != 0; c++)
		*c = tolower((unsigned char)*c);
	if (strcmp(r->host, "index.docker.io") == 0)
		strcpy(r->host, docker_host);
	if (strcmp(r->host, docker_host) != 0 ||
	    strchr(r->repository, '/') != NULL)
		return 0;
	if (asprintf(&whole, "library/%s", r->repository) < 0)
		return no_memory(e);
	free(r->repository);
	r->repository = whole;
	return 0;
}

static int
name_registry(struct reference *r, struct err *e)
{
	if (r->tag == NULL && !r->has_digest &&
	    (r->tag = strdup("latest")) == NULL)
		return no_memory(e);
	if (asprintf(&r->name, "%s/%s%s%s%s%s", r->host, r->repository,
		r->tag != NULL ? ":" : "", r->tag != NULL ? r->tag : "",
		r->has_digest ? "@" : "",
		r->has_digest ? DIGEST_TEXT(&r->digest) : "") < 0) {
		r->name = NULL;
		return no_memory(e);
	}
	return 0;
}

static int
parse_registry(struct reference *r, const char *text, struct err *e)
{
	AUTO_FREE char *copy = NULL;

	if (strncmp(text, "docker://", 9) == 0)
		text += 9;
	if (strstr(text, "://") != NULL)
		return err_set(e, EINVAL, "a reference has no scheme");
	copy = strdup(text);
	if (copy == NULL)
		return no_memory(e);
	if (cut_suffixes(r, copy, e) < 0)
		return -1;
	if (is_hex_id(copy))
		return err_set(e, EINVAL, "an image's id is no reference");
	if (split_host(r, copy, e) < 0 || check_path(r->repository, e) < 0 ||
	    normalise_host(r, e) < 0 || check_path(r->repository, e) < 0)
		return -1;
	return name_registry(r, e);
}

static int
parse_layout(struct reference *r, const char *text, struct err *e)
{
	const char *dir = text + strlen("oci:");
	const char *colon = strrchr(dir, ':');
	size_t n = strlen(dir);

	if (colon != NULL && strchr(colon, '/') == NULL) {
		n = colon - dir;
		if (colon[1] == 0)
			return err_set(e, EINVAL, "the tag is empty");
		r->tag = strdup(colon + 1);
		if (r->tag == NULL)
			return no_memory(e);
	}
	if (n == 0)
		return err_set(e, EINVAL, "oci: is followed by a folder");
	r->is_layout = true;
	r->repository = strndup(dir, n);
	r->name = strdup(text);
	return r->repository == NULL || r->name == NULL ? no_memory(e) : 0;
}

static int
parse(struct reference *r, const char *text, struct err *e)
{
	if (*text == 0)
		return err_set(e, EINVAL, "it is empty");
	for (const char *s = text; *s != 0; s++)
		if (iscntrl((unsigned char)*s))
			return err_set(e, EINVAL, "a control character");
	if (strncmp(text, "oci:", 4) == 0)
		return parse_layout(r, text, e);
	return parse_registry(r, text, e);
}

int
reference_parse(struct reference *r, const char *text, struct err *e)
{
	*r = (struct reference){ 0 };
	if (strlen(text) > LIMIT_REFERENCE_BYTES)
		return err_set(e, EINVAL, "reference: over %d bytes",
		    LIMIT_REFERENCE_BYTES);
	if (parse(r, text, e) < 0) {
		reference_release(r);
		return err_wrap(e, "reference \"%.80s\"", text);
	}
	return 0;
}

bool
reference_host_is_loopback(const char *host)
{
	char name[256];
	size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	struct in_addr a;

	if (n >= sizeof name)
		return false;
	memcpy(name, host, n);
	name[n] = 0;
	if (strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0 ||
	    strcmp(host, "::1") == 0)
		return true;
	return inet_pton(AF_INET, name, &a) == 1 &&
	       ntohl(a.s_addr) >> 24 == 127;
}
