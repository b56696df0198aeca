/* The labels of a snapshot, as a client of containerd sends them: what may be kept is
 * kept, and read as what it means.  A key and a value a line. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "runtime/labels.h"
#include "base/doc.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct doc *
read_labels(char *text)
{
	struct doc *labels = doc_new_object();
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		char *key = strsep(&line, "=");
		struct err e = ERR_INIT;

		labels_set(labels, key, line != NULL ? line : "", &e);
	}
	return labels;
}

static void
check_map(const struct agent_id_map *m)
{
	assert(m->n >= 1 && m->n <= AGENT_RANGES_MAX);
	assert(label_map_root(m) != UINT32_MAX);
	for (uint32_t i = 0; i < m->n; i++)
		assert(m->ranges[i].count > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE char *text = strndup((const char *)p, n);
	AUTO_DOC struct doc *labels = text != NULL ? read_labels(text) : NULL;
	struct remote_request remote;
	struct label_maps maps;
	struct err e = ERR_INIT;
	bool is;

	if (labels == NULL)
		return 0;
	assert(doc_count(labels) <= LABELS_MAX && labels_equal(labels, labels));
	labels_find_remote(labels, &remote, &is, &e);
	if (labels_find_maps(labels, &maps, &is, &e) == 0 && is) {
		check_map(&maps.uids);
		check_map(&maps.gids);
	}
	return 0;
}
