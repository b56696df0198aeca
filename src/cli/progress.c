#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cli/output.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

enum {
	DRAW_EVERY_MS = 100,
	BAR_COLUMNS = 24,
	LINE_BYTES = 256,
};

void
progress_init(struct progress *p, bool is_wanted)
{
	const char *terminal = getenv("TERM");

	*p = (struct progress){ 0 };
	p->is_shown = is_wanted && isatty(STDERR_FILENO) && terminal != NULL &&
		      strcmp(terminal, "dumb") != 0;
}

static int64_t
clamp(int64_t v)
{
	return v < 0 ? 0 : (int64_t)min_u64(v, LIMIT_BLOB_BYTES);
}

static struct progress_layer *
layer_of(struct progress *p, const char *text)
{
	struct progress_layer *grown;
	struct digest d;
	struct err not_one;

	if (text == NULL || digest_parse(&d, text, &not_one) < 0)
		return &p->whole;
	for (size_t i = 0; i < p->n_layers; i++)
		if (digest_equal(&p->layers[i].digest, &d))
			return &p->layers[i];
	if (p->n_layers == LIMIT_LAYERS)
		return &p->whole;
	grown = reallocarray(p->layers, p->n_layers + 1, sizeof *p->layers);
	if (grown == NULL)
		return &p->whole;
	p->layers = grown;
	p->layers[p->n_layers] = (struct progress_layer){ .digest = d };
	return &p->layers[p->n_layers++];
}

static void
set_stage(struct progress *p, const char *stage)
{
	if (strncmp(p->stage, stage, sizeof p->stage - 1) == 0)
		return;
	snprintf(p->stage, sizeof p->stage, "%s", stage);
	p->n_layers = 0;
	p->whole = (struct progress_layer){ 0 };
}

static void
render_line(struct buf *out, size_t width, const char *line)
{
	struct err full;

	/* A line that wraps would be erased by halves.  All of it is ASCII. */
	buf_printf(out, &full, "%.*s\n", (int)width, line);
}

static void
render_bar(char bar[BAR_COLUMNS + 1], int64_t done, int64_t total)
{
	size_t n = total <= 0
		       ? 0
		       : (size_t)((double)done / (double)total * BAR_COLUMNS);

	memset(bar, '.', BAR_COLUMNS);
	memset(bar, '#', n > BAR_COLUMNS ? BAR_COLUMNS : n);
	bar[BAR_COLUMNS] = 0;
}

static struct progress_layer
sum_of(const struct progress *p, size_t *n_done)
{
	struct progress_layer sum = p->whole;

	*n_done = 0;
	if (p->n_layers > 0)
		sum.done = sum.total = 0;
	for (size_t i = 0; i < p->n_layers; i++) {
		sum.done += p->layers[i].done;
		sum.total += p->layers[i].total;
		*n_done += p->layers[i].done >= p->layers[i].total;
	}
	return sum;
}

static void
render_whole(const struct progress *p, size_t width, struct buf *out)
{
	char line[LINE_BYTES], bar[BAR_COLUMNS + 1], layers[64] = "";
	size_t n_done;
	struct progress_layer sum = sum_of(p, &n_done);

	if (p->n_layers > 0)
		snprintf(layers, sizeof layers, "  %zu of %zu layers", n_done,
		    p->n_layers);
	if (sum.total <= 0) {
		snprintf(line, sizeof line, "%-8s%s", p->stage, layers);
		render_line(out, width, line);
		return;
	}
	render_bar(bar, sum.done, sum.total);
	snprintf(line, sizeof line, "%-8s [%s] %4s  %s of %s%s", p->stage, bar,
	    SHARE_TEXT(sum.done, sum.total), SIZE_TEXT(sum.done),
	    SIZE_TEXT(sum.total), layers);
	render_line(out, width, line);
}

static void
render_layer(const struct progress_layer *l, size_t width, struct buf *out)
{
	char line[LINE_BYTES];

	snprintf(line, sizeof line, "  %s %4s  %s of %s",
	    SHORT_DIGEST(DIGEST_TEXT(&l->digest)),
	    SHARE_TEXT(l->done, l->total), SIZE_TEXT(l->done),
	    SIZE_TEXT(l->total));
	render_line(out, width, line);
}

unsigned
progress_render(const struct progress *p, size_t width, struct buf *out)
{
	unsigned lines = 1;

	render_whole(p, width, out);
	for (size_t i = 0; i < p->n_layers && lines <= PROGRESS_LAYERS_SHOWN;
	     i++) {
		const struct progress_layer *l = &p->layers[i];

		if (l->done == 0 || l->done >= l->total)
			continue;
		render_layer(l, width, out);
		lines++;
	}
	return lines;
}

/* To the start of the first line drawn, and everything below it gone. */
static void
append_erase(const struct progress *p, struct buf *out)
{
	struct err full;

	if (p->lines > 0)
		buf_printf(out, &full, "\033[%uF\033[J", p->lines);
}

static size_t
terminal_width(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col < 20)
		return 80;
	return w.ws_col;
}

static void
show(const struct buf *b)
{
	/* One write, so that the picture never flickers; a terminal that
	 * takes half of it gets the rest with the next picture. */
	if (b->len > 0 && write(STDERR_FILENO, b->data, b->len) < 0)
		return;
}

static void
draw(struct progress *p)
{
	AUTO_BUF struct buf picture = BUF_INIT(KIB(16));

	append_erase(p, &picture);
	p->lines = progress_render(p, terminal_width() - 1, &picture);
	show(&picture);
}

void
progress_take(struct progress *p, const struct doc *event)
{
	const char *kind = doc_string(doc_find(event, "event"));
	const char *stage = doc_string(doc_find(event, "stage"));
	struct progress_layer *l;
	uint64_t now_ns = clock_now_ns();

	if (kind == NULL || strcmp(kind, "progress") != 0 || stage == NULL)
		return;
	for (const char *c = stage; *c != 0; c++)
		if (*c < 'a' || *c > 'z')
			return;
	set_stage(p, stage);
	l = layer_of(p, doc_string(doc_find(event, "layer")));
	l->done = clamp(doc_int(doc_find(event, "done")));
	l->total = clamp(doc_int(doc_find(event, "total")));
	if (!p->is_shown || now_ns < p->draw_again_ns)
		return;
	p->draw_again_ns = now_ns + DRAW_EVERY_MS * NS_PER_MS;
	draw(p);
}

void
progress_release(struct progress *p)
{
	AUTO_BUF struct buf picture = BUF_INIT(KIB(1));

	append_erase(p, &picture);
	show(&picture);
	free(p->layers);
	*p = (struct progress){ 0 };
}
