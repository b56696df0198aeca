#include "fetch/usage.h"

#include <string.h>

#include "layer/image.h"
#include "layer/layer.h"

void
image_usage(const struct image *i, int layer, struct blob_usage *out)
{
	memset(out, 0, sizeof *out);
	for (size_t k = 0; k < i->manifest.n_layers; k++)
		if (i->layers[k] != NULL &&
		    (layer == IMAGE_MERGED || layer == (int)k))
			blob_add_usage(i->layers[k]->blob, out);
}
