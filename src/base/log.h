/* The log: one line an event on stderr, `level message`, with the time unless
 * stderr goes to the journal (which adds its own).  Only the place that ends a
 * job logs its error.  Secrets never enter it.
 *
 * The level is the one process-wide setting.  Any thread; a line is one write.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* "error", "warn", "info", "debug"; -1 for anything else. */
int log_parse_level(const char *name);
void log_set_level(enum log_level level);
/* Which process speaks: "layerfsd", "layerfsd[worker]". `name` must live. */
void log_set_name(const char *name);

void log_line(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
