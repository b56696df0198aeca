/* What `stat` and `inspect` show to people: fields, one a line, and an image's
 * layers. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdint.h>

struct buf;
struct doc;

/* "Name:       value"; nothing where the value is NULL or "". */
void report_text(const char *name, const char *value);
void report_number(const char *name, int64_t value);
void report_size(const char *name, int64_t bytes);
/* An array's texts, separated by spaces. */
void report_words(const char *name, const struct doc *words);

/* "3 containerd snapshots, 1 mount", appended; nothing where there are none. */
void report_append_holders(struct buf *out, const struct doc *holders);

/* A "profile" in one line; nothing where it is absent. */
void report_profile(const struct doc *profile);

/* The table of a "layer_list"; nothing where it is absent. */
void report_layers(const struct doc *layer_list);

#endif
