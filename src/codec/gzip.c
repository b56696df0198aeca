#include "codec/gzip.h"

struct decoder *
gzip_decoder_new(struct err *e)
{
#if HAVE_ISAL
	return gzip_isal_decoder_new(e);
#else
	return gzip_zlib_decoder_new(e);
#endif
}
