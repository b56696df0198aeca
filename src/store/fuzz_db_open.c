/* state.db as a file: whatever it holds. */
#include "store/db_walk.h"
#include "base/fuzz_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_CLOSE int root = fuzz_folder();

	fuzz_put(root, "state.db", p, n);
	db_walk(root);
	return 0;
}
