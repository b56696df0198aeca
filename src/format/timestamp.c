#include "format/timestamp.h"

#include <errno.h>
#include <stdbool.h>

#include "base/err.h"

struct cursor {
	const char *at, *end;
};

static bool
take(struct cursor *c, char want)
{
	if (c->at == c->end || *c->at != want)
		return false;
	c->at++;
	return true;
}

/* Exactly n digits, `min` to `max`. */
static bool
number(struct cursor *c, int n, int min, int max, int *out)
{
	*out = 0;
	for (; n > 0; n--, c->at++) {
		if (c->at == c->end || *c->at < '0' || *c->at > '9')
			return false;
		*out = *out * 10 + (*c->at - '0');
	}
	return *out >= min && *out <= max;
}

static bool
fraction(struct cursor *c, uint32_t *ns)
{
	uint32_t unit = 100000000;
	const char *start;

	*ns = 0;
	if (!take(c, '.'))
		return true;
	start = c->at;
	for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
		*ns += (*c->at - '0') * unit;
		unit /= 10;
	}
	return c->at > start;
}

static bool
zone(struct cursor *c, int *seconds)
{
	int hours, minutes, sign;

	*seconds = 0;
	if (take(c, 'Z') || take(c, 'z'))
		return true;
	sign = take(c, '+') ? 1 : take(c, '-') ? -1 : 0;
	if (sign == 0 || !number(c, 2, 0, 23, &hours) || !take(c, ':') ||
	    !number(c, 2, 0, 59, &minutes))
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* Days since 1970-01-01: years begin in March, so that leap days end them. */
static int64_t
days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year =
	    (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

int
timestamp_parse(
    const char *text, size_t n, int64_t *s, uint32_t *ns, struct err *e)
{
	struct cursor c = { text, text + n };
	int year, month, day, hour, minute, second, offset;

	if (!number(&c, 4, 0, 9999, &year) || !take(&c, '-') ||
	    !number(&c, 2, 1, 12, &month) || !take(&c, '-') ||
	    !number(&c, 2, 1, 31, &day) || !(take(&c, 'T') || take(&c, 't')) ||
	    !number(&c, 2, 0, 23, &hour) || !take(&c, ':') ||
	    !number(&c, 2, 0, 59, &minute) || !take(&c, ':') ||
	    !number(&c, 2, 0, 60, &second) || !fraction(&c, ns) ||
	    !zone(&c, &offset) || c.at != c.end)
		return err_set(e, EBADMSG, "time is not RFC 3339");
	*s = days(year, month, day) * 86400 + hour * 3600 + minute * 60 +
	     second - offset;
	if (year == 1) {
		*s = 0;
		*ns = 0;
	}
	return 0;
}
