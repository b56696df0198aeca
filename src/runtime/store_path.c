#include "runtime/store_path.h"

#include <errno.h>
#include <string.h>

#include "registry/reference.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

static const struct {
	const char *name;
	enum store_place place;
} files[] = {
	{ "diff", STORE_DIFF },
	{ "info", STORE_INFO },
	{ "blob", STORE_BLOB },
	{ "use", STORE_USE },
};

static int
parse_reference(struct store_path *p, const char *text, size_t n, struct err *e)
{
	AUTO_BUF struct buf plain = BUF_INIT(LIMIT_REFERENCE_BYTES);
	AUTO_REFERENCE struct reference r = { 0 };

	if (base64_decode(&plain, text, n, e) < 0 ||
	    strlen(buf_str(&plain)) != plain.len ||
	    reference_parse(&r, buf_str(&plain), e) < 0 || r.is_layout)
		return err_set(e, ENOENT, "no reference: %.*s", (int)n, text);
	p->reference = take_ptr(&r.name);
	return 0;
}

static int
parse_digest(struct store_path *p, const char *text, size_t n, struct err *e)
{
	char copy[DIGEST_TEXT_SIZE];

	if (n >= sizeof copy)
		return err_set(e, ENOENT, "no digest: %.*s", (int)n, text);
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (digest_parse(&p->digest, copy, e) < 0)
		return err_set(e, ENOENT, "no digest: %s", copy);
	return 0;
}

static int
parse_file(struct store_path *p, const char *name, struct err *e)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (strcmp(files[i].name, name) == 0) {
			p->place = files[i].place;
			return 0;
		}
	return err_set(e, ENOENT, "a layer has no %s", name);
}

static int
parse_parts(struct store_path *p, const char *path, struct err *e)
{
	size_t n = strcspn(path, "/");

	if (parse_reference(p, path, n, e) < 0)
		return -1;
	p->place = STORE_REFERENCE;
	if (path[n] == '\0')
		return 0;
	path += n + 1;
	n = strcspn(path, "/");
	if (parse_digest(p, path, n, e) < 0)
		return -1;
	p->place = STORE_LAYER;
	return path[n] == '\0' ? 0 : parse_file(p, path + n + 1, e);
}

int
store_path_parse(struct store_path *p, const char *path, struct err *e)
{
	*p = (struct store_path){ 0 };
	if (parse_parts(p, path, e) == 0)
		return 0;
	store_path_release(p);
	return -1;
}

void
store_path_release(struct store_path *p)
{
	free(p->reference);
	p->reference = NULL;
}
