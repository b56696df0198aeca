#include "registry/challenge.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

void
challenge_release(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	*c = (struct challenge){ 0 };
}

static size_t
token_length(const char *s)
{
	size_t n = 0;

	while (isascii(s[n]) &&
	       (isalnum(s[n]) ||
		   (s[n] != 0 && strchr("!#$%&'*+-.^_`|~", s[n]) != NULL)))
		n++;
	return n;
}

static const char *
skip_space(const char *s)
{
	return s + strspn(s, " \t");
}

static const char *
skip_commas(const char *s)
{
	return s + strspn(s, " \t,");
}

/* A token or a quoted string, unquoted into an allocation; NULL when it is
 * neither (or no memory).  *s moves past it. */
static char *
take_value(const char **s)
{
	const char *p = *s;
	char *out, *to;

	if (*p != '"') {
		size_t n = strcspn(p, " \t,");

		*s = p + n;
		return strndup(p, n);
	}
	out = to = malloc(strlen(p));
	if (out == NULL)
		return NULL;
	for (p++; *p != 0 && *p != '"'; p++) {
		if (*p == '\\' && p[1] != 0)
			p++;
		*to++ = *p;
	}
	*to = 0;
	if (*p != '"') {
		free(out);
		return NULL;
	}
	*s = p + 1;
	return out;
}

static void
keep(char **to, char **value)
{
	if (*to == NULL)
		*to = take_ptr(value);
}

static void
keep_parameter(struct challenge *c, const char *name, size_t n, char **value)
{
	if (n == 5 && strncasecmp(name, "realm", n) == 0)
		keep(&c->realm, value);
	else if (n == 7 && strncasecmp(name, "service", n) == 0)
		keep(&c->service, value);
	else if (n == 5 && strncasecmp(name, "scope", n) == 0)
		keep(&c->scope, value);
}

/* name=value[, ...] up to the next challenge; false when it is damaged. */
static bool
take_parameters(struct challenge *c, const char **s)
{
	for (;;) {
		const char *name = skip_commas(*s);
		size_t n = token_length(name);
		const char *p = skip_space(name + n);
		AUTO_FREE char *value = NULL;

		if (n == 0 || *p != '=') {
			*s = name; /* the next challenge, or the end */
			return *name == 0 || n > 0;
		}
		p = skip_space(p + 1);
		value = take_value(&p);
		if (value == NULL)
			return false;
		keep_parameter(c, name, n, &value);
		*s = p;
	}
}

/* "Negotiate YII...=": credentials in place of parameters. */
static const char *
skip_token68(const char *s)
{
	size_t n = 0;

	while (isascii(s[n]) &&
	       (isalnum(s[n]) || (s[n] != 0 && strchr("-._~+/", s[n]) != NULL)))
		n++;
	const char *end = skip_space(s + n + strspn(s + n, "="));

	return n > 0 && (*end == 0 || *end == ',') ? end : s;
}

static enum challenge_scheme
scheme_named(const char *s, size_t n)
{
	if (n == 5 && strncasecmp(s, "basic", n) == 0)
		return CHALLENGE_BASIC;
	if (n == 6 && strncasecmp(s, "bearer", n) == 0)
		return CHALLENGE_BEARER;
	return CHALLENGE_NONE;
}

static bool
take_challenge(struct challenge *c, const char **s)
{
	const char *name = skip_commas(*s);
	size_t n = token_length(name);
	const char *rest = name + n;

	*c = (struct challenge){ .scheme = scheme_named(name, n) };
	if (n == 0 || (*rest != 0 && strchr(" \t,", *rest) == NULL))
		return false;
	rest = skip_space(rest);
	*s = skip_token68(rest);
	return take_parameters(c, s);
}

/* Damaged text ends a field: what came before it stands. */
static void
take_best(struct challenge *best, const char *field)
{
	while (*skip_commas(field) != 0) {
		AUTO_CHALLENGE struct challenge c = { 0 };

		if (!take_challenge(&c, &field))
			return;
		if (c.scheme <= best->scheme ||
		    (c.scheme == CHALLENGE_BEARER && c.realm == NULL))
			continue;
		challenge_release(best);
		*best = c;
		c = (struct challenge){ 0 };
	}
}

int
challenge_parse(
    struct challenge *c, char *const *fields, unsigned n, struct err *e)
{
	*c = (struct challenge){ 0 };
	for (unsigned i = 0; i < n; i++)
		take_best(c, fields[i]);
	if (c->scheme == CHALLENGE_NONE)
		return err_set(e, ENOTSUP,
		    "it asks for an authentication that is neither Basic nor "
		    "Bearer");
	return 0;
}
