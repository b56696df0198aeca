#include "index/erofs.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/limits.h"

static uint32_t
crc32c(uint32_t crc, const uint8_t *p, size_t n)
{
	for (; n > 0; n--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
	}
	return crc;
}

uint32_t
erofs_checksum(const uint8_t *block0)
{
	static const uint8_t zero[4];
	size_t field = EROFS_SUPER_OFF + offsetof(struct erofs_super, checksum);
	uint32_t crc;

	crc = crc32c(~0u, block0 + EROFS_SUPER_OFF, field - EROFS_SUPER_OFF);
	crc = crc32c(crc, zero, sizeof zero);
	field += sizeof zero;
	return crc32c(crc, block0 + field, EROFS_BLOCK - field);
}

static const struct {
	uint8_t number;
	bool is_whole;
	const char *text;
} prefixes[] = {
	{ 1, false, "user." },
	{ 2, true, "system.posix_acl_access" },
	{ 3, true, "system.posix_acl_default" },
	{ 4, false, "trusted." },
	{ 6, false, "security." },
};

enum { N_PREFIXES = sizeof prefixes / sizeof prefixes[0] };

uint8_t
erofs_xattr_prefix(const char *name, size_t *prefix_len)
{
	for (size_t i = 0; i < N_PREFIXES; i++) {
		size_t n = strlen(prefixes[i].text);

		if (strncmp(name, prefixes[i].text, n) != 0 ||
		    (name[n] == 0) != prefixes[i].is_whole)
			continue;
		*prefix_len = n;
		return prefixes[i].number;
	}
	return 0;
}

const char *
erofs_xattr_prefix_text(uint8_t prefix, bool *is_whole)
{
	for (size_t i = 0; i < N_PREFIXES; i++) {
		if (prefixes[i].number != prefix)
			continue;
		*is_whole = prefixes[i].is_whole;
		return prefixes[i].text;
	}
	return NULL;
}

static const mode_t types[] = { 0, S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFIFO,
	S_IFSOCK, S_IFLNK };

enum { N_TYPES = sizeof types / sizeof types[0] };

uint8_t
erofs_type_of_mode(mode_t mode)
{
	for (uint8_t i = 1; i < N_TYPES; i++)
		if (types[i] == (mode & S_IFMT))
			return i;
	return 0;
}

mode_t
erofs_mode_of_type(uint8_t type)
{
	return type < N_TYPES ? types[type] : 0;
}

bool
erofs_device_fits(dev_t rdev)
{
	return major(rdev) < 1u << 12 && minor(rdev) < 1u << 20;
}

uint32_t
erofs_encode_device(dev_t rdev)
{
	uint32_t ma = major(rdev), mi = minor(rdev);

	return (mi & 0xff) | ma << 8 | (mi & ~0xffu) << 12;
}

dev_t
erofs_decode_device(uint32_t what)
{
	return makedev(
	    what >> 8 & 0xfff, (what & 0xff) | (what >> 12 & 0xfff00));
}

bool
erofs_encode_place(struct erofs_chunk *c, uint64_t data_off, uint64_t size)
{
	if (data_off % EROFS_BLOCK != 0 || size > LIMIT_DATA_BYTES ||
	    data_off > LIMIT_DATA_BYTES - size)
		return false;
	*c = (struct erofs_chunk){
		.device = EROFS_DATA_DEVICE,
		.block = data_off >> EROFS_BLOCK_BITS,
	};
	return true;
}

unsigned
erofs_chunk_bits(uint64_t size)
{
	unsigned bits = 0;

	while ((uint64_t)EROFS_BLOCK << bits < size)
		bits++;
	return bits;
}
