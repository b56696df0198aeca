/* state.db as rows: a database that SQLite finds right, and whatever values in any
 * column. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "store/db.h"
#include "store/db_walk.h"
#include "base/digest.h"
#include "base/fuzz_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct input {
	const uint8_t *p;
	size_t n;
};

/* The next byte, 0 where none is left. */
static uint8_t
take(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

static uint64_t
take_word(struct input *in)
{
	uint64_t word = 0;

	for (int i = 0; i < 8; i++)
		word = word << 8 | take(in);
	return word;
}

/* At most as much as is left. */
static const void *
take_bytes(struct input *in, int *len)
{
	size_t n = take(in);
	const void *at = in->p;

	*len = n < in->n ? n : in->n;
	in->p += *len;
	in->n -= *len;
	return at;
}

/* ---- a row ---- */

static void
bind_digest(sqlite3_stmt *s, int at, uint8_t number)
{
	struct digest d;

	digest_of(&d, &number, 1);
	sqlite3_bind_text(s, at, DIGEST_TEXT(&d), -1, SQLITE_TRANSIENT);
}

/* What SQLite keeps as a value, whatever the column was made for. */
static void
bind_value(sqlite3_stmt *s, int at, struct input *in)
{
	double real;
	uint64_t word;
	int len;
	const void *bytes;

	switch (take(in) % 7) {
	case 0:
		bind_digest(s, at, take(in) % 4);
		break;
	case 1:
		sqlite3_bind_int(s, at, (int8_t)take(in));
		break;
	case 2:
		sqlite3_bind_int64(s, at, take_word(in));
		break;
	case 3:
		bytes = take_bytes(in, &len);
		sqlite3_bind_text(s, at, bytes, len, SQLITE_STATIC);
		break;
	case 4:
		bytes = take_bytes(in, &len);
		sqlite3_bind_blob(s, at, bytes, len, SQLITE_STATIC);
		break;
	case 5:
		word = take_word(in);
		memcpy(&real, &word, sizeof real);
		sqlite3_bind_double(s, at, real);
		break;
	default:
		sqlite3_bind_null(s, at);
	}
}

static const char *const tables[] = {
	"reference",
	"image",
	"image_layer",
	"layer",
	"source",
	"mount",
	"holder",
	"chain",
	"fallback",
	"snapshot",
	"layer_use",
	"sqlite_sequence",
};

enum { N_TABLES = sizeof tables / sizeof *tables };

static int
count_columns(sqlite3 *h, const char *table)
{
	sqlite3_stmt *s = NULL;
	char sql[64];
	int n;

	snprintf(sql, sizeof sql, "SELECT * FROM %s", table);
	if (sqlite3_prepare_v2(h, sql, -1, &s, NULL) != SQLITE_OK)
		abort();
	n = sqlite3_column_count(s);
	sqlite3_finalize(s);
	return n;
}

/* A row that the schema does not allow is left out. */
static void
add_row(sqlite3 *h, struct input *in)
{
	const char *table = tables[take(in) % N_TABLES];
	int n = count_columns(h, table);
	sqlite3_stmt *s = NULL;
	char sql[128];

	snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (?%.*s)", table,
	    2 * (n - 1), ",?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?");
	if (sqlite3_prepare_v2(h, sql, -1, &s, NULL) != SQLITE_OK)
		abort();
	for (int i = 1; i <= n; i++)
		bind_value(s, i, in);
	sqlite3_step(s);
	sqlite3_finalize(s);
}

/* ---- the file ---- */

/* As the daemon makes it, once. */
static const struct buf *
empty_db(void)
{
	static struct buf file = BUF_INIT(1 << 20);
	struct err e;

	if (file.len == 0) {
		AUTO_CLOSE int root = fuzz_folder();

		db_close(db_open(root, &e));
		if (fs_read_file(root, "state.db", &file, &e) < 0)
			abort();
	}
	return &file;
}

static void
add_rows(int root, struct input *in)
{
	sqlite3 *h = NULL;
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d/state.db", root);
	if (sqlite3_open(path, &h) != SQLITE_OK ||
	    sqlite3_exec(h, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		abort();
	while (in->n > 0)
		add_row(h, in);
	if (sqlite3_exec(h, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		abort();
	sqlite3_close(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct buf *empty = empty_db();
	AUTO_CLOSE int root = fuzz_folder();
	struct input in = { p, n };

	fuzz_put(root, "state.db", empty->data, empty->len);
	add_rows(root, &in);
	db_walk(root);
	return 0;
}
