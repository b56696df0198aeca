/* indextool: a layer's index as it travels, from its files, for trying and
 * measuring by hand.
 *
 *	indextool LAYER-FOLDER FILE      (ROOT/layers/HEX)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "format/layer_index.h"
#include "codec/points.h"
#include "index/index.h"
#include "store/map.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

static int
write_index(int dir, struct buf *out, struct err *e)
{
	AUTO_CLOSE int map = openat(dir, "map", O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int points = openat(dir, "points", O_RDONLY | O_CLOEXEC);
	int fd = openat(dir, "index", O_RDONLY | O_CLOEXEC);
	AUTO_INDEX struct index *x = fd < 0 ? NULL : index_open(fd, e);
	AUTO_MAP struct map *m = map < 0 ? NULL : map_open(map, e);
	AUTO_POINTS struct points *p =
	    points < 0 ? NULL : points_open(points, e);

	if (fd < 0 || map < 0)
		return err_sys(e, "open index and map");
	if (x == NULL || m == NULL || (points >= 0 && p == NULL))
		return -1;
	return layer_index_write(x, m, p, out, e);
}

int
main(int argc, char **argv)
{
	AUTO_BUF struct buf b = BUF_INIT(LIMIT_TOC_COMPRESSED_BYTES);
	AUTO_CLOSE int dir = -1;
	struct err e = ERR_INIT;

	if (argc != 3) {
		fprintf(stderr, "usage: indextool LAYER-FOLDER FILE\n");
		return 2;
	}
	dir = fs_open_dir(AT_FDCWD, argv[1], &e);
	if (dir < 0 || write_index(dir, &b, &e) < 0 ||
	    fs_replace_file(AT_FDCWD, argv[2], b.data, b.len, 0644, &e) < 0) {
		fprintf(stderr, "indextool: %s\n", e.msg);
		return 1;
	}
	return 0;
}
