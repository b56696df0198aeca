/* The main() of a fuzz target in `make check`: feeds it every file of
 * tests/corpus/<noun>/, the noun being what follows fuzz_ in the program's
 * name, and the empty input.  A crash is the failure; TAP on stdout.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int
replay_file(int dir, const char *name)
{
	AUTO_BUF struct buf input = BUF_INIT(MIB(64));
	struct err e = ERR_INIT;

	/* Said before the input runs: a crash leaves this as the last line. */
	printf("# %s\n", name);
	fflush(stdout);
	if (fs_read_file(dir, name, &input, &e) < 0) {
		printf("# %s\n", e.msg);
		return -1;
	}
	/* A block of exactly its size, so that asan sees one byte too far. */
	AUTO_FREE uint8_t *exact = malloc(input.len ? input.len : 1);

	if (exact == NULL)
		return -1;
	if (input.len > 0)
		memcpy(exact, input.data, input.len);
	LLVMFuzzerTestOneInput(exact, input.len);
	return 0;
}

static int
is_input(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int
replay_folder(const char *path)
{
	AUTO_CLOSE int dir = -1;
	struct dirent **list = NULL;
	struct err e = ERR_INIT;
	int n = scandir(path, &list, is_input, alphasort), n_bad = 0;

	if (n >= 0)
		dir = fs_open_dir(AT_FDCWD, path, &e);
	if (n <= 0 || dir < 0) {
		printf("1..1\nnot ok 1 - no corpus in %s\n", path);
		free(list);
		return 1;
	}
	printf("1..%d\n", n + 1);
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("ok 1 - the empty input\n");
	for (int i = 0; i < n; i++) {
		int bad = replay_file(dir, list[i]->d_name) < 0;

		printf("%sok %d - %s\n", bad ? "not " : "", i + 2,
		    list[i]->d_name);
		n_bad += bad;
		free(list[i]);
	}
	free(list);
	return n_bad > 0;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	const char *noun = strrchr(argv[0], '/');
	char path[4096];

	noun = noun != NULL ? noun + 1 : argv[0];
	if (strncmp(noun, "lt-", 3) == 0)
		noun += 3;
	if (strncmp(noun, "fuzz_", 5) == 0)
		noun += 5;
	snprintf(path, sizeof path, "%s/tests/corpus/%s",
	    top != NULL ? top : ".", noun);
	return replay_folder(argc > 1 ? argv[1] : path);
}
