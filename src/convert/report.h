/* What a conversion did, or would do: convert_image()'s document. */
#ifndef CONVERT_REPORT_H
#define CONVERT_REPORT_H

struct doc;
struct plan;
struct reference;

struct doc *report_new(const struct plan *p, const struct reference *to);

#endif
