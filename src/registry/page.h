/* Lists that come in pages: the Link of an answer names the next.  Pure.
 *
 *	Link: </v2/app/referrers/sha256:...?n=100&last=x>; rel="next"
 *
 * Specifications: RFC 8288; distribution-spec.
 */
#ifndef REGISTRY_PAGE_H
#define REGISTRY_PAGE_H

/* The URL as it stands in the field, allocated; NULL: there is no next page, or
 * no memory. */
char *page_next(const char *field);

#endif
