/* The formats, for formats[].  Private to this folder. */
#ifndef FORMAT_FORMATS_H
#define FORMAT_FORMATS_H

struct format;

extern const struct format format_zstd_chunked;
extern const struct format format_estargz;
extern const struct format format_tar_zstd;
extern const struct format format_tar_gzip;
extern const struct format format_tar;

/* The last MiB: a footer, and as a rule the table of contents before it. */
enum { FORMAT_TAIL_BYTES = 1 << 20 };

#endif
