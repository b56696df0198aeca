/* The tags under which companions (layer/companions.h) are found without knowing the
 * manifest: TAG-ARCH.layerfs and TAG-ARCH.layerfs-profile beside the tag,
 * sha256-HEX.layerfs and sha256-HEX.layerfs-profile for a digest.  Pure. */
#ifndef LAYER_ALIAS_H
#define LAYER_ALIAS_H

struct digest;

/* Room for a tag. */
enum { ALIAS_SIZE = 129 };
enum companion_kind { COMPANION_INDEX, COMPANION_PROFILE };

/* "" where the tag leaves no room: then there is none. */
void alias_of_tag(
    const char *tag, enum companion_kind kind, char out[ALIAS_SIZE]);
void alias_of_digest(
    const struct digest *d, enum companion_kind kind, char out[ALIAS_SIZE]);

#endif
