#include "store/snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/err.h"

struct page {
	uint64_t number;
	uint64_t words[BITS_PAGE_WORDS];
};

struct snapshot {
	size_t n;
	struct page pages[]; /* by number */
};

static size_t
count_pages(const uint64_t *dirty)
{
	size_t n = 0;

	for (size_t i = 0; i < BITS_PAGES / 64; i++)
		n += __builtin_popcountll(dirty[i]);
	return n;
}

static void
copy_page(struct page *to, const struct bits *b, uint64_t number)
{
	to->number = number;
	for (size_t i = 0; i < BITS_PAGE_WORDS; i++)
		to->words[i] = bits_word(b, number * BITS_PAGE_WORDS + i);
}

struct snapshot *
snapshot_new(const struct bits *b, const uint64_t *dirty, struct err *e)
{
	size_t n = count_pages(dirty);
	struct snapshot *s = malloc(sizeof *s + n * sizeof *s->pages);

	if (s == NULL) {
		err_set(e, ENOMEM, "%zu pages of bits", n);
		return NULL;
	}
	s->n = 0;
	for (uint64_t number = 0; number < BITS_PAGES; number++)
		if (dirty[number / 64] >> number % 64 & 1)
			copy_page(&s->pages[s->n++], b, number);
	return s;
}

void
snapshot_free(struct snapshot *s)
{
	free(s);
}

static struct range
range_of_page(const struct page *p)
{
	return (struct range){ p->number * BITS_PAGE_BLOCKS,
		(p->number + 1) * BITS_PAGE_BLOCKS };
}

int
snapshot_back(const struct snapshot *s, struct bits *to, struct err *e)
{
	for (size_t i = 0; i < s->n; i++)
		if (bits_back(to, range_of_page(&s->pages[i]), e) < 0)
			return -1;
	return 0;
}

static void
clear_in_page(struct page *p, struct range r)
{
	struct range all = range_of_page(p);
	uint64_t end = min_u64(r.end, all.end);

	for (uint64_t b = max_u64(r.first, all.first); b < end; b++) {
		uint64_t at = b - all.first;

		/* Whole words at once: a drop may be gigabytes. */
		if (at % 64 == 0 && end - b >= 64) {
			p->words[at / 64] = 0;
			b += 63;
		} else {
			p->words[at / 64] &= ~(UINT64_C(1) << at % 64);
		}
	}
}

/* The first page that is not before the number. */
static size_t
find_page(const struct snapshot *s, uint64_t number)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->pages[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void
snapshot_clear(struct snapshot *s, struct range r)
{
	for (size_t i = find_page(s, r.first / BITS_PAGE_BLOCKS);
	     i < s->n && s->pages[i].number * BITS_PAGE_BLOCKS < r.end; i++)
		clear_in_page(&s->pages[i], r);
}

void
snapshot_apply(const struct snapshot *s, struct bits *to)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct page *p = &s->pages[i];

		for (size_t w = 0; w < BITS_PAGE_WORDS; w++)
			if (p->words[w] != 0)
				atomic_fetch_or_explicit(
				    &to->words[p->number * BITS_PAGE_WORDS + w],
				    p->words[w], memory_order_release);
	}
}

void
snapshot_give_back(const struct snapshot *s, uint64_t *dirty)
{
	for (size_t i = 0; i < s->n; i++)
		dirty[s->pages[i].number / 64] |= UINT64_C(1)
						  << s->pages[i].number % 64;
}
