/* Makes frames of batches, several at once: a pool of threads, `press`, each with
 * an encoder while it works.
 *
 * Any thread submits, and waits for its own batches.  What a frame is does not
 * depend on the thread that makes it.
 */
#ifndef CONVERT_PRESS_H
#define CONVERT_PRESS_H

struct batch;
struct err;
struct press;

struct press *press_new(int level, unsigned threads, struct err *e);
/* Nothing is under way. */
void press_free(struct press *p);

int press_level(const struct press *p);
unsigned press_threads(const struct press *p);

/* The batch is the press' until press_wait() has returned. */
void press_submit(struct press *p, struct batch *b);
/* Every piece of bytes has its frame, every chunk its digest. */
int press_wait(struct press *p, struct batch *b, struct err *e);

#endif
