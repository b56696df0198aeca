/* What the daemon asks of state.db, all of it: for fuzz targets, whose rows may say
 * anything.  Only fuzz_db_*.c includes it.
 *
 * A database that was opened keeps its word: a row that is listed is found by what
 * the list says of it, and goes when it is removed.  Who finds otherwise aborts.
 */
#ifndef STORE_DB_WALK_H
#define STORE_DB_WALK_H

/* Opens ROOT/state.db, lists, looks up, adds, and at last removes everything.  What
 * is found damaged meanwhile is begun anew at the next opening, here, too. */
void db_walk(int root);

#endif
