/* Gives a damaged profile the checksum that its bytes should have, so that a
 * test or the fuzzer reaches the checks behind it. */
#ifndef LAYER_PROFILE_SEAL_H
#define LAYER_PROFILE_SEAL_H

#include "base/bytes.h"
#include "base/digest.h"

#include "layerfs/profile.h"

static inline void
profile_seal(uint8_t *profile, size_t n)
{
	const size_t at = offsetof(struct layerfs_profile_header, checksum);
	struct digest d;

	if (n < sizeof(struct layerfs_profile_header))
		return;
	put_le64(profile + at, 0);
	digest_of(&d, profile, n);
	memcpy(profile + at, d.bytes, sizeof(uint64_t));
}

#endif
