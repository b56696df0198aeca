#include <stdlib.h>
#include <string.h>

#include "base/descriptor.h"
#include "base/doc.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What was read and written is read again, and is the same. */
static void
round_trip(const struct doc *j)
{
	struct err e = ERR_INIT;
	AUTO_FREE char *text = doc_to_json(j, false);
	AUTO_DOC struct doc *again = doc_parse_json(text, strlen(text), &e);
	AUTO_FREE char *text_again = NULL;

	if (again != NULL)
		text_again = doc_to_json(again, false);
	if (text_again == NULL || strcmp(text, text_again) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = ERR_INIT;
	AUTO_DOC struct doc *j = doc_parse_json(p, n, &e);
	struct descriptor d;

	if (j == NULL)
		return 0;
	round_trip(j);
	if (descriptor_parse(&d, j, &e) == 0) {
		AUTO_DOC struct doc *back = descriptor_to_doc(&d);

		round_trip(back);
		descriptor_release(&d);
	}
	return 0;
}
