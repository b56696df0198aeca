/* When layers are audited (layer/audit.h), and what comes of it.
 *
 * One thread ("audit") looks now and then for a layer that was understood from a
 * table beside its image, is all here and was not audited yet, and audits one at
 * a time, within the background's budget.  One whose bytes are not what the table
 * says (a doubt) is looked at as soon as they came, whatever of it is here, once in
 * ten minutes.
 *
 *	right   ROOT/layers/HEX/checked: not looked at again
 *	a lie   an alarm: log event table_lied, counter tables_lied; the table is
 *	        never used again (layer/distrust.h), and the layer is removed as
 *	        soon as nobody uses it, to be made again from the blob.  Who has
 *	        it mounted already keeps what he sees: his tree is the table's,
 *	        and what it is to show nobody knows; what cannot be had of it is
 *	        EIO, and says why.
 *	else    tried again later; after a doubt it is who gave the bytes that
 *	        lied, or nobody knows: the table is believed as before
 */
#ifndef LAYER_AUDITS_H
#define LAYER_AUDITS_H

#include <stdint.h>

struct audits;
struct catalog;
struct err;

/* The catalog must outlive audits_stop(). */
struct audits *audits_new(
    struct catalog *c, uint64_t bytes_per_s, struct err *e);
/* Ends the thread, with what it is at; after fetcher_cancel(). */
void audits_stop(struct audits *a);

/* What is due, at once, on the caller's thread: how many were audited. */
unsigned audits_run(struct audits *a);

#endif
