/* What an exchange may do next: between exchange.c, which asks, and answer.c,
 * which judges.  On the http thread; after each of them but the last four the
 * exchange may be gone.
 */
#ifndef REGISTRY_EXCHANGE_STEPS_H
#define REGISTRY_EXCHANGE_STEPS_H

#include "registry/exchange.h"

struct host;

void exchange_finish(struct exchange *x, const struct err *failure);
void exchange_fail(struct exchange *x, int code, const char *why);

/* Another try after a while, or the next host, or the end. */
void exchange_try_failed(struct exchange *x, const struct err *failure);

/* From the registry's URL, or from where it redirected to lately. */
void exchange_begin_try(struct exchange *x);
/* Asks the registry's URL with what is to be sent as Authorization. */
void exchange_authorise(struct exchange *x);
/* Asks `away`, or else the registry, with what is known. */
void exchange_send(struct exchange *x);

/* Takes the URL; NULL: back to the registry. */
void exchange_set_away(struct exchange *x, char *take_url);
/* `failure` is that the one who is asked sends whole blobs only. */
void exchange_say_rangeless(struct exchange *x);
/* One range at a time is asked for from now on: there is something about several
 * that this host does not bear. */
void exchange_forgo_parts(struct exchange *x);
struct host *exchange_host(const struct exchange *x);

#endif
