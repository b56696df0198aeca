#include "supervisor/mounttable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"

enum { TABLE_MAX = 64 << 20 };

/* Spaces, tabs, newlines and backslashes are three octal digits there. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != 0; s++) {
		unsigned c;

		if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1) {
			*to++ = (char)c;
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

/* ID PARENT DEVICE ROOT TARGET OPTIONS [TAG...] - TYPE SOURCE OPTIONS */
static bool
parse(char *text, struct mounted *out)
{
	const char *rest = strstr(text, " - ");
	int at = 0;

	if (rest == NULL || sscanf(rest, " - %31s", out->type) != 1 ||
	    sscanf(text, "%d %*d %23s %*s %n", &out->id, out->device, &at) !=
		2 ||
	    at == 0)
		return false;
	out->target = text + at;
	out->options = out->target + strcspn(out->target, " ");
	if (*out->options != '\0')
		*out->options++ = 0;
	out->options[strcspn(out->options, " ")] = 0;
	unescape(out->target);
	return true;
}

static size_t
count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

int
mounttable_read(struct mounttable *t, struct err *e)
{
	char *rest = NULL;

	*t = (struct mounttable){ .text = BUF_INIT(TABLE_MAX) };
	if (fs_read_file(AT_FDCWD, "/proc/self/mountinfo", &t->text, e) < 0) {
		mounttable_release(t);
		return -1;
	}
	t->all = calloc(count_lines(buf_str(&t->text)) + 1, sizeof *t->all);
	if (t->all == NULL) {
		mounttable_release(t);
		return err_set(e, ENOMEM, "the table of mounts");
	}
	for (char *l = strtok_r((char *)t->text.data, "\n", &rest); l != NULL;
	     l = strtok_r(NULL, "\n", &rest))
		t->n += parse(l, &t->all[t->n]);
	return 0;
}

void
mounttable_release(struct mounttable *t)
{
	free(t->all);
	buf_release(&t->text);
	*t = (struct mounttable){ 0 };
}

bool
mounted_is(const struct mounted *m, const char *type)
{
	size_t n = strlen(type);

	return strncmp(m->type, type, n) == 0 &&
	       (m->type[n] == '\0' || m->type[n] == '.');
}

bool
mounted_is_below(const struct mounted *m, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(m->target, folder, n) == 0 && m->target[n] == '/';
}

const char *
mounted_name_in(const struct mounted *m, const char *folder)
{
	const char *name = m->target + strlen(folder) + 1;

	return mounted_is_below(m, folder) && strchr(name, '/') == NULL ? name
									: NULL;
}
