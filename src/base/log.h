/* The log: one line an event on stderr, with the time unless stderr goes to the
 * journal (which adds its own).  Only the place that ends a job logs its error.
 * Secrets never enter it.
 *
 *	text  2026-01-02T03:04:05.678Z layerfsd[worker] warn: what happened
 *	json  {"time":...,"level":"warn","process":...,"event":"request_failed",
 *	      "message":"what happened","operation":"pull",...}
 *
 * An event's name and its fields' names stay what they are; messages are for
 * people and may change.  A line that comes again and again is written five
 * times in ten seconds; the next one written says how many were not.
 *
 * A process that others depend on waits for no reader (log_never_wait()): a line that
 * the pipe or the journal's socket has no room for is lost, and the next one that is
 * written says how many were.
 *
 * Level, format and what was said lately are process-wide.  Any thread, under
 * any lock; a line is one write.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* Events that somebody may want to be told of, with their fields.  Everything
 * else is a note. */
#define LOG_EVENTS(X)                                                         \
	X(note, "anything else; the message says what")                       \
	X(serving, "the worker is ready: root, run")                          \
	X(mounted, "an image is mounted: reference, target")                  \
	X(unmounted, "it is no more: reference, target")                      \
	X(request_failed, "a command failed: operation, reference, code")     \
	X(read_failed, "a read was answered with EIO: reference, path, code") \
	X(not_lazy,                                                           \
	    "a container runtime downloads a layer: reference, layer, "       \
	    "reason")                                                         \
	X(layer_made,                                                         \
	    "a layer's index is there: layer, format, inodes, milliseconds "  \
	    "(its table's or its blob's way included)")                       \
	X(image_removed, "nobody used it any more: image")                    \
	X(stale_tag,                                                          \
	    "no registry answered, a tag means what it meant before: "        \
	    "reference")                                                      \
	X(published,                                                          \
	    "an index or a profile now lies beside an image: reference, "     \
	    "artifact, what")                                                 \
	X(peer_refused, "somebody else spoke to a socket: socket")            \
	X(table_lied,                                                         \
	    "an index beside an image says of a layer what is not so: "       \
	    "layer, table")                                                   \
	X(worker_ended, "the worker died and is started again: how")

enum log_event {
#define X(name, meaning) LOG_EVENT_##name,
	LOG_EVENTS(X)
#undef X
	    LOG_EVENT_COUNT
};

const char *log_event_name(enum log_event ev);
const char *log_event_meaning(enum log_event ev);

struct log_field {
	const char *name;
	const char *value; /* NULL: left out */
};

/* For one call: pairs of names and values. */
#define LOG_FIELDS(...)            \
	(const struct log_field[]) \
	{                          \
		__VA_ARGS__,       \
		{                  \
			NULL, NULL \
		}                  \
	}

/* "error", "warn", "info", "debug"; -1 for anything else. */
int log_parse_level(const char *name);
void log_set_level(enum log_level level);

/* "text", "json"; -1 for anything else. */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
int log_parse_format(const char *name);
void log_set_format(enum log_format format);

/* Which process speaks: "layerfsd", "layerfsd[worker]". `name` must live. */
void log_set_name(const char *name);

/* From now on: a pipe or socket that nobody reads holds nobody up. */
void log_never_wait(void);

/* Keeps errno. */
void log_event(enum log_level level, enum log_event ev,
    const struct log_field *fields, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define log_error(...) \
	log_event(LOG_LEVEL_ERROR, LOG_EVENT_note, NULL, __VA_ARGS__)
#define log_warn(...) \
	log_event(LOG_LEVEL_WARN, LOG_EVENT_note, NULL, __VA_ARGS__)
#define log_info(...) \
	log_event(LOG_LEVEL_INFO, LOG_EVENT_note, NULL, __VA_ARGS__)
#define log_debug(...) \
	log_event(LOG_LEVEL_DEBUG, LOG_EVENT_note, NULL, __VA_ARGS__)

#endif
