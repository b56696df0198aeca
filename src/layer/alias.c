#include "layer/alias.h"

#include <stdio.h>

#include "registry/manifest.h"
#include "base/digest.h"

static const char *
suffix_of(enum companion_kind kind)
{
	return kind == COMPANION_INDEX ? "layerfs" : "layerfs-profile";
}

void
alias_of_tag(const char *tag, enum companion_kind kind, char out[ALIAS_SIZE])
{
	struct platform p = platform_of_machine();

	if (snprintf(out, ALIAS_SIZE, "%s-%s%s.%s", tag, p.architecture,
		p.variant != NULL ? p.variant : "",
		suffix_of(kind)) >= ALIAS_SIZE)
		out[0] = 0;
}

void
alias_of_digest(
    const struct digest *d, enum companion_kind kind, char out[ALIAS_SIZE])
{
	snprintf(
	    out, ALIAS_SIZE, "sha256-%s.%s", DIGEST_HEX(d), suffix_of(kind));
}
