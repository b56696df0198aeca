#include "format/format.h"

#include <errno.h>
#include <string.h>

#include "format/formats.h"
#include "codec/points.h"
#include "codec/tar.h"
#include "index/tree.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/err.h"

const struct format *const formats[] = {
	&format_zstd_chunked,
	&format_estargz,
	&format_tar_zstd,
	&format_tar_gzip,
	&format_tar,
	NULL,
};

void
contents_release(struct contents *c)
{
	tree_free(c->tree);
	map_builder_free(c->map);
	points_builder_free(c->points);
	*c = (struct contents){ 0 };
}

bool
format_media_type_ends(const struct descriptor *layer, const char *with)
{
	size_t n = strlen(layer->media_type), m = strlen(with);

	return n >= m && strcmp(layer->media_type + n - m, with) == 0;
}

const struct format *
format_locate(const struct descriptor *layer, struct toc_place *out,
    enum locate_result *result, struct err *e)
{
	for (int i = 0; formats[i] != NULL; i++) {
		if (formats[i]->locate == NULL)
			continue;
		*result = formats[i]->locate(layer, out, e);
		if (*result == LOCATE_FAILED) {
			err_wrap(e, "%s", formats[i]->name);
			return NULL;
		}
		if (*result != LOCATE_NONE)
			return formats[i];
	}
	*result = LOCATE_NONE;
	return NULL;
}

const struct format *
format_match(const uint8_t *head, size_t n, struct err *e)
{
	uint8_t start[8] = { 0 };

	for (int i = 0; formats[i] != NULL; i++)
		if (formats[i]->matches != NULL && formats[i]->matches(head, n))
			return formats[i];
	memcpy(start, head, min_u64(n, sizeof start));
	err_set(e, ENOTSUP,
	    "blob is no tar, gzip or zstd: it begins with "
	    "%02x %02x %02x %02x %02x %02x %02x %02x",
	    start[0], start[1], start[2], start[3], start[4], start[5],
	    start[6], start[7]);
	return NULL;
}
