#include "convert/report.h"

#include "convert/plan.h"
#include "registry/reference.h"
#include "base/doc.h"

static const char *
way_name(enum layer_way way)
{
	static const char *const names[] = {
		[LAYER_CONVERTED] = "converted",
		[LAYER_KEPT] = "kept",
		[LAYER_REUSED] = "reused",
	};

	return names[way];
}

static struct doc *
layer_doc(const struct plan_layer *l)
{
	struct doc *j = doc_new_object();

	doc_set_string(j, "from", DIGEST_TEXT(&l->from.digest));
	doc_set_int(j, "from_bytes", l->from.size);
	doc_set_string(j, "way", way_name(l->way));
	if (!digest_is_zero(&l->to.digest))
		doc_set_string(j, "digest", DIGEST_TEXT(&l->to.digest));
	doc_set_int(j, "bytes", l->to.size);
	doc_set_bool(j, "table", l->misfit == NULL);
	if (l->misfit != NULL)
		doc_set_string(j, "why", l->misfit);
	return j;
}

static struct doc *
image_doc(const struct plan *p, const struct plan_image *m)
{
	struct doc *j = doc_new_object();
	struct doc *layers = doc_new_array();

	doc_set_string(j, "platform", m->platform);
	for (size_t i = 0; i < m->n_layers; i++)
		doc_append(layers, layer_doc(&p->layers[m->layers[i]]));
	doc_set(j, "layers", layers);
	return j;
}

struct doc *
report_new(const struct plan *p, const struct reference *to)
{
	struct doc *j = doc_new_object();
	struct doc *images = doc_new_array();
	uint64_t bytes = 0, from_bytes = 0;

	for (size_t i = 0; i < p->n_images; i++)
		doc_append(images, image_doc(p, &p->images[i]));
	for (size_t i = 0; i < p->n_layers; i++) {
		bytes += p->layers[i].to.size;
		from_bytes += p->layers[i].from.size;
	}
	doc_set_string(j, "reference", to->name);
	doc_set(j, "images", images);
	doc_set_int(j, "bytes", bytes);
	doc_set_int(j, "from_bytes", from_bytes);
	doc_set_int(j, "left_out", p->n_left_out);
	return j;
}
