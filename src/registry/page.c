#include "registry/page.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* At a semicolon or comma outside of quotes, or at the end. */
static const char *
end_of_parameter(const char *s)
{
	bool is_quoted = false;

	for (; *s != 0 && (is_quoted || (*s != ',' && *s != ';')); s++)
		if (*s == '"')
			is_quoted = !is_quoted;
	return s;
}

/* rel=next, rel="next" */
static bool
is_rel_next(const char *s)
{
	if (strncasecmp(s, "rel=", 4) != 0)
		return false;
	s += 4;
	s += *s == '"';
	return strncasecmp(s, "next", 4) == 0 && !isalnum((unsigned char)s[4]);
}

/* Whether the parameters of one link, which begin at *s, say so; moves *s past
 * them. */
static bool
take_parameters(const char **s)
{
	bool is_next = false;

	do {
		*s += strspn(*s, "; \t");
		is_next = is_next || is_rel_next(*s);
		*s = end_of_parameter(*s);
	} while (**s == ';');
	return is_next;
}

char *
page_next(const char *s)
{
	while ((s = strchr(s, '<')) != NULL) {
		const char *url = s + 1, *close = strchr(url, '>');

		if (close == NULL)
			return NULL;
		s = close + 1;
		if (take_parameters(&s))
			return strndup(url, close - url);
	}
	return NULL;
}
