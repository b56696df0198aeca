/* What `index`, `push` and `profile push` say of how it went. */
#ifndef CLI_PUBLISH_H
#define CLI_PUBLISH_H

#include <stdbool.h>

struct doc;

/* "published, 1.2 MiB: sha256:..."; quiet: the digest alone, where there is
 * one. */
void publish_report(const struct doc *result, bool is_quiet);

#endif
