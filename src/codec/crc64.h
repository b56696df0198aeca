/* CRC-64 as ISO 3309 has it, which tar-split keeps beside each file's name. */
#ifndef CODEC_CRC64_H
#define CODEC_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* Of what gave `crc`, 0 at first, and p behind it. */
uint64_t crc64(uint64_t crc, const void *p, size_t n);

#endif
