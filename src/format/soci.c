/* SOCI: a plain gzip layer, or tar, as it was built, whose table of contents
 * lies in a blob of its own (ztoc.h), found by an index beside the image
 * (soci_index.h).
 *
 * Layers without a table are read whole: SOCI makes none of zstd, and none of
 * what is smaller than 10 MiB, as a rule.
 */
#include <errno.h>

#include "format/format.h"
#include "format/soci_index.h"
#include "format/ztoc.h"
#include "base/descriptor.h"
#include "base/err.h"

static int
parse(const struct descriptor *layer, const struct toc_place *place,
    const uint8_t *p, size_t n, struct contents *out, struct err *e)
{
	struct ztoc z = { p, n, layer->size };
	struct digest got;

	digest_of(&got, p, n);
	if (!digest_equal(&got, &place->digest))
		return err_set(
		    e, EBADMSG, "zTOC is not the one that the index names");
	return ztoc_parse(&z, out, e) < 0 ? err_wrap(e, "zTOC") : 0;
}

const struct format format_soci = {
	.name = "soci",
	.parse = parse,
};
