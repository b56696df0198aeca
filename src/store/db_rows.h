/* A statement of state.db and the rows it gave.  Private to store/db*.c.
 *
 * Rows are copied out before anybody looks at them, so that no lock is held and
 * no statement is open while a caller's function runs: it may call the database
 * itself.  A value is text; NUL ends it.
 */
#ifndef STORE_DB_ROWS_H
#define STORE_DB_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"

struct db;
struct err;

/* One table a noun: name, SQL. */
#define DB_TRANSACTION_STATEMENTS(X) \
	X(BEGIN, "BEGIN IMMEDIATE")  \
	X(COMMIT, "COMMIT")          \
	X(ROLLBACK, "ROLLBACK")      \
	X(CHECK, "PRAGMA integrity_check(1)")

#define DB_REFERENCE_STATEMENTS(X)                                        \
	X(SET_REFERENCE,                                                  \
	    "INSERT INTO reference (name, manifest, resolved_s) "         \
	    "VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET "       \
	    "manifest = ?2, resolved_s = ?3")                             \
	X(GET_REFERENCE,                                                  \
	    "SELECT manifest, resolved_s FROM reference WHERE name = ?1") \
	X(REMOVE_REFERENCE, "DELETE FROM reference WHERE name = ?1")      \
	X(EACH_REFERENCE,                                                 \
	    "SELECT name, manifest, resolved_s FROM reference ORDER BY name")

#define DB_IMAGE_STATEMENTS(X)                                                 \
	X(SET_IMAGE, "INSERT INTO image (manifest, last_used_s, label) "       \
		     "VALUES (?1, ?2, ?3) "                                    \
		     "ON CONFLICT (manifest) DO UPDATE SET last_used_s = ?2, " \
		     "label = ?3")                                             \
	X(FIND_IMAGE, "SELECT 1 FROM image WHERE manifest = ?1")               \
	X(FIND_IMAGE_BY_LABEL,                                                 \
	    "SELECT manifest, last_used_s FROM image WHERE label = ?1 "        \
	    "ORDER BY last_used_s DESC LIMIT 1")                               \
	X(REMOVE_IMAGE, "DELETE FROM image WHERE manifest = ?1")               \
	X(EACH_IMAGE, "SELECT manifest, last_used_s, label FROM image ORDER "  \
		      "BY manifest")                                           \
	X(EACH_IMAGE_ALIKE,                                                    \
	    "SELECT b.manifest FROM chain a JOIN chain b USING (chain_id) "    \
	    "WHERE a.manifest = ?1 AND a.position = "                          \
	    "(SELECT max(position) FROM chain WHERE manifest = ?1) "           \
	    "AND b.manifest != ?1")                                            \
	X(EACH_UNWANTED_IMAGE,                                                 \
	    "SELECT manifest FROM image "                                      \
	    "WHERE manifest NOT IN (SELECT manifest FROM reference) "          \
	    "AND manifest NOT IN (SELECT manifest FROM holder)")               \
	X(IS_IMAGE_WANTED,                                                     \
	    "SELECT EXISTS (SELECT 1 FROM holder WHERE manifest = ?1) "        \
	    "OR EXISTS (SELECT 1 FROM reference WHERE manifest = ?1)")         \
	X(ADD_IMAGE_LAYER,                                                     \
	    "INSERT INTO image_layer (manifest, position, layer) "             \
	    "VALUES (?1, ?2, ?3)")                                             \
	X(REMOVE_IMAGE_LAYERS, "DELETE FROM image_layer WHERE manifest = ?1")  \
	X(ADD_CHAIN, "INSERT INTO chain (manifest, position, chain_id) "       \
		     "VALUES (?1, ?2, ?3)")                                    \
	X(REMOVE_CHAINS, "DELETE FROM chain WHERE manifest = ?1")              \
	X(FIND_CHAIN, "SELECT c.manifest, c.position FROM chain c "            \
		      "JOIN image i USING (manifest) "                         \
		      "JOIN image_layer l USING (manifest, position) "         \
		      "WHERE c.chain_id = ?1 "                                 \
		      "ORDER BY l.layer IN (SELECT digest FROM layer) DESC, "  \
		      "i.last_used_s DESC LIMIT 1")

#define DB_HOLDER_STATEMENTS(X)                                             \
	X(ADD_HOLDER,                                                       \
	    "INSERT OR IGNORE INTO holder (manifest, who) VALUES (?1, ?2)") \
	X(REMOVE_HOLDER,                                                    \
	    "DELETE FROM holder WHERE manifest = ?1 AND who = ?2")          \
	X(EACH_HOLDER,                                                      \
	    "SELECT who FROM holder WHERE manifest = ?1 ORDER BY who")

/* A pin is a holder called "pin"; "moved/NAME" stands for a name that the image
 * lost to another, and uses nothing. */
#define DB_KEEP_STATEMENTS(X)                                                 \
	X(TOUCH_IMAGE,                                                        \
	    "UPDATE image SET last_used_s = ?2 WHERE manifest = ?1")          \
	X(EACH_LAYER_KEEP,                                                    \
	    "SELECT l.layer, coalesce(max(h.who = 'pin'), 0), "               \
	    "coalesce(max(h.who NOT LIKE 'moved/%'), 0), max(i.last_used_s) " \
	    "FROM image_layer l JOIN image i USING (manifest) "               \
	    "LEFT JOIN holder h USING (manifest) GROUP BY l.layer "           \
	    "ORDER BY max(i.last_used_s), l.layer")                           \
	X(REMOVE_NAMES, "DELETE FROM reference WHERE manifest = ?1 AND NOT "  \
			"EXISTS (SELECT 1 FROM holder WHERE manifest = ?1 "   \
			"AND who NOT LIKE 'moved/%')")                        \
	X(REMOVE_MOVED,                                                       \
	    "DELETE FROM holder WHERE manifest = ?1 AND who LIKE 'moved/%'")  \
	X(NOTE_MOVED,                                                         \
	    "INSERT OR IGNORE INTO holder (manifest, who) "                   \
	    "SELECT r.manifest, 'moved/' || r.name FROM reference r "         \
	    "JOIN image i USING (manifest) "                                  \
	    "WHERE r.name = ?1 AND r.manifest != ?2")                         \
	X(UNDO_MOVED, "DELETE FROM holder WHERE manifest = ?2 "               \
		      "AND who = 'moved/' || ?1")

#define DB_FALLBACK_STATEMENTS(X)                                              \
	X(SET_FALLBACK,                                                        \
	    "INSERT OR REPLACE INTO fallback (label, layer, reason, noted_s) " \
	    "VALUES (?1, ?2, ?3, ?4)")                                         \
	X(TRIM_FALLBACKS,                                                      \
	    "DELETE FROM fallback WHERE number NOT IN "                        \
	    "(SELECT number FROM fallback ORDER BY number DESC LIMIT ?1)")     \
	X(EACH_FALLBACK, "SELECT label, layer, reason, noted_s FROM fallback " \
			 "ORDER BY number DESC")

#define DB_LAYER_STATEMENTS(X)                                                 \
	X(SET_LAYER,                                                           \
	    "INSERT INTO layer (digest, blob_size, format, reason, "           \
	    "last_used_s) VALUES (?1, ?2, ?3, ?4, ?5) "                        \
	    "ON CONFLICT (digest) DO UPDATE SET blob_size = ?2, format = ?3, " \
	    "reason = ?4, last_used_s = ?5")                                   \
	X(TOUCH_LAYER, "UPDATE layer SET last_used_s = ?2 WHERE digest = ?1")  \
	X(REMOVE_LAYER, "DELETE FROM layer WHERE digest = ?1")                 \
	X(EACH_LAYER, "SELECT digest, blob_size, format, reason, last_used_s " \
		      "FROM layer ORDER BY digest")                            \
	X(EACH_ORPHAN_LAYER,                                                   \
	    "SELECT digest FROM layer WHERE digest NOT IN "                    \
	    "(SELECT layer FROM image_layer) ORDER BY digest")                 \
	X(COUNT_LAYER_IMAGES,                                                  \
	    "SELECT count(DISTINCT manifest) FROM image_layer "                \
	    "WHERE layer = ?1")

#define DB_SOURCE_STATEMENTS(X)                                            \
	X(ADD_SOURCE,                                                      \
	    "INSERT OR IGNORE INTO source (layer, place) VALUES (?1, ?2)") \
	X(REMOVE_SOURCES, "DELETE FROM source WHERE layer = ?1")           \
	X(EACH_SOURCE,                                                     \
	    "SELECT place FROM source WHERE layer = ?1 ORDER BY rowid")

#define DB_MOUNT_STATEMENTS(X)                                             \
	X(SET_MOUNT,                                                       \
	    "INSERT INTO mount (id, target, options) VALUES (?1, ?2, ?3) " \
	    "ON CONFLICT (id) DO UPDATE SET target = ?2, options = ?3")    \
	X(REMOVE_MOUNT, "DELETE FROM mount WHERE id = ?1")                 \
	X(EACH_MOUNT, "SELECT id, target, options FROM mount ORDER BY id")

/* In the order of read_row() in db_snapshot.c. */
#define DB_SNAPSHOT_COLUMNS                                              \
	"s.number, s.parent, s.state, s.kind, s.life, s.created_ns, "    \
	"s.updated_ns, s.bytes, s.inodes, s.uid, s.gid, s.name, s.was, " \
	"(SELECT p.name FROM snapshot p WHERE p.number = s.parent), "    \
	"s.labels, s.chain, s.image, s.layer, s.image_label "            \
	"FROM snapshot s "

#define DB_SNAPSHOT_STATEMENTS(X)                                             \
	X(ADD_SNAPSHOT,                                                       \
	    "INSERT INTO snapshot (number, parent, state, kind, life, "       \
	    "created_ns, updated_ns, bytes, inodes, uid, gid, name, was, "    \
	    "labels, chain, image, layer, image_label) VALUES "               \
	    "(max((SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence "    \
	    "WHERE name = 'snapshot'), strftime('%s', 'now') - 1767225600), " \
	    "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "                      \
	    "NULLIF(?12, ''), ?13, ?14, ?15, ?16, ?17, ?18)")                 \
	X(LAST_NUMBER, "SELECT last_insert_rowid()")                          \
	X(SET_SNAPSHOT,                                                       \
	    "UPDATE snapshot SET state = ?3, kind = ?4, life = ?5, "          \
	    "created_ns = ?6, updated_ns = ?7, bytes = ?8, inodes = ?9, "     \
	    "uid = ?10, gid = ?11, name = NULLIF(?12, ''), was = ?13, "       \
	    "labels = ?14, chain = ?15, image = ?16, layer = ?17, "           \
	    "image_label = ?18 WHERE number = ?1")                            \
	X(DELETE_SNAPSHOT, "DELETE FROM snapshot WHERE number = ?1")          \
	X(GET_SNAPSHOT, "SELECT " DB_SNAPSHOT_COLUMNS "WHERE s.name = ?1")    \
	X(GET_SNAPSHOT_NUMBER,                                                \
	    "SELECT " DB_SNAPSHOT_COLUMNS "WHERE s.number = ?1")              \
	X(GET_SNAPSHOT_GONE,                                                  \
	    "SELECT " DB_SNAPSHOT_COLUMNS "WHERE s.was = ?1 AND s.state = 2 " \
	    "ORDER BY s.number DESC LIMIT 1")                                 \
	X(GET_SNAPSHOT_CHAIN,                                                 \
	    "SELECT " DB_SNAPSHOT_COLUMNS "WHERE s.chain = ?1 AND "           \
	    "s.chain != '' AND s.parent = ?2 AND s.state = 1 LIMIT 1")        \
	X(COUNT_SNAPSHOT_CHILDREN,                                            \
	    "SELECT count(*) FROM snapshot WHERE parent = ?1 AND state != 2") \
	X(EACH_SNAPSHOT, "SELECT " DB_SNAPSHOT_COLUMNS                        \
			 "WHERE s.state = ?1 ORDER BY s.number")

#define DB_USE_STATEMENTS(X)                                              \
	X(ADD_USE,                                                        \
	    "INSERT INTO layer_use (reference, digest, manifest, layer, " \
	    "uses) VALUES (?1, ?2, ?3, ?4, 1) "                           \
	    "ON CONFLICT (reference, digest) DO UPDATE SET "              \
	    "uses = uses + 1")                                            \
	X(GET_USE, "SELECT uses FROM layer_use "                          \
		   "WHERE reference = ?1 AND digest = ?2")                \
	X(LESS_USE, "UPDATE layer_use SET uses = uses - 1 "               \
		    "WHERE reference = ?1 AND digest = ?2")               \
	X(REMOVE_USE, "DELETE FROM layer_use "                            \
		      "WHERE reference = ?1 AND digest = ?2")             \
	X(EACH_USE, "SELECT reference, digest, manifest, layer, uses "    \
		    "FROM layer_use ORDER BY reference, digest")

#define DB_STATEMENTS(X)             \
	DB_TRANSACTION_STATEMENTS(X) \
	DB_REFERENCE_STATEMENTS(X)   \
	DB_IMAGE_STATEMENTS(X)       \
	DB_HOLDER_STATEMENTS(X)      \
	DB_KEEP_STATEMENTS(X)        \
	DB_FALLBACK_STATEMENTS(X)    \
	DB_LAYER_STATEMENTS(X)       \
	DB_SOURCE_STATEMENTS(X)      \
	DB_MOUNT_STATEMENTS(X)       \
	DB_SNAPSHOT_STATEMENTS(X)    \
	DB_USE_STATEMENTS(X)

enum db_statement {
#define X(name, sql) DB_##name,
	DB_STATEMENTS(X)
#undef X
	    DB_STATEMENT_COUNT
};

const char *db_sql(enum db_statement which);

/* A parameter: text, or a number where text is NULL. */
struct db_value {
	const char *text;
	int64_t number;
};
#define DB_TEXT(s) ((struct db_value){ .text = (s) })
#define DB_NUMBER(n) ((struct db_value){ .number = (n) })
#define DB_DIGEST(d) DB_TEXT(DIGEST_TEXT(d))
#define DB_VALUES(...)                                         \
	((const struct db_value[]){ __VA_ARGS__ }),            \
	    sizeof((const struct db_value[]){ __VA_ARGS__ }) / \
		sizeof(struct db_value)

struct db_rows {
	struct buf cells; /* every value with its NUL */
	size_t next;      /* the cell to be taken */
	uint32_t n;       /* rows left */
};
#define AUTO_DB_ROWS CLEANUP(db_rows_release)
void db_rows_release(struct db_rows *r);

/* Waits for another thread's transaction.  rows may be NULL. */
int db_run(struct db *d, enum db_statement which, const struct db_value *values,
    size_t n, struct db_rows *rows, struct err *e);

/* Between the two, several statements are one: in the transaction that this
 * thread is in, or in an own one.  `rc` is how they went; db_end_own() returns
 * how it all went. */
int db_begin_own(struct db *d, bool *is_own, struct err *e);
int db_end_own(struct db *d, bool is_own, int rc, struct err *e);

/* All of them as one, each by this digest. */
int db_run_all(struct db *d, const enum db_statement *which, size_t n,
    const struct digest *digest, struct err *e);

/* fn for the digest that each row of the answer is. */
int db_each_digest(struct db *d, enum db_statement which,
    int (*fn)(void *ctx, const struct digest *digest), void *ctx,
    struct err *e);
int db_rows_each_digest(struct db_rows *r,
    int (*fn)(void *ctx, const struct digest *digest), void *ctx,
    struct err *e);

/* True, and the cursor stands on the next row's first cell.  Take every cell of
 * a row, in order. */
bool db_rows_next(struct db_rows *r);
const char *db_rows_text(struct db_rows *r);
int64_t db_rows_number(struct db_rows *r);
int db_rows_digest(struct db_rows *r, struct digest *d, struct err *e);

#endif
