#include "base/doc.h"
#include "base/err.h"
#include "base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = ERR_INIT;
	AUTO_DOC struct doc *j = toml_parse((const char *)p, n, &e);

	if (j != NULL)
		free(doc_to_json(j, false));
	return 0;
}
