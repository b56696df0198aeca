/* Every cap on a size that comes from outside.  A length read from the network,
 * the disk or a user is compared with one of these before it is allocated or
 * looped over.  Units are in the names; `_max` is the largest legal value.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
#define TIB(n) ((uint64_t)(n) << 40)

enum {
	/* OCI distribution */
	LIMIT_REFERENCE_BYTES = 512,
	LIMIT_URL_BYTES = 8192,
	LIMIT_MANIFEST_BYTES = 4 << 20, /* the distribution spec's own floor */
	LIMIT_CONFIG_BYTES = 8 << 20,
	LIMIT_TOKEN_BYTES = 64 << 10,
	LIMIT_HEADER_BYTES = 64 << 10,   /* all headers of one response */
	LIMIT_PARTS = 64,                /* of one multipart/byteranges */
	LIMIT_PART_TEXT_BYTES = 4 << 10, /* before each */
	LIMIT_REDIRECTS = 5,
	LIMIT_LAYERS = 512,
	LIMIT_ANNOTATIONS = 256, /* of one descriptor */
	LIMIT_PLATFORMS = 512,   /* manifests of one index */
	LIMIT_REFERRERS = 1024,  /* of one manifest */
	LIMIT_PAGES = 32,        /* of one list that comes in pages */

	/* configuration files, credentials */
	LIMIT_CONFIG_FILE_BYTES = 1 << 20,
	LIMIT_HELPER_OUTPUT_BYTES = 64 << 10,

	/* control socket */
	LIMIT_CONTROL_MESSAGE_BYTES = 4 << 20,
	LIMIT_CONTROL_FDS = 4,

	LIMIT_METRICS_BYTES = 8 << 20, /* of one answer of ours */

	/* gRPC: messages as containerd has it, the rest generous */
	LIMIT_GRPC_MESSAGE_BYTES = 16 << 20,
	LIMIT_GRPC_HEADER_BYTES = 32 << 10,  /* of one request or answer */
	LIMIT_GRPC_METADATA_BYTES = 8 << 10, /* kept of it for methods */
	LIMIT_GRPC_PATH_BYTES = 512,
	LIMIT_GRPC_STATUS_BYTES = 1024,   /* the text beside a status */
	LIMIT_GRPC_QUEUE_BYTES = 4 << 20, /* of one stream, for the peer */
	LIMIT_GRPC_CONNECTION_BYTES = 64 << 20, /* messages, both ways */
	LIMIT_GRPC_STREAMS = 1000,              /* of one connection */
	LIMIT_GRPC_CALLS = 4000, /* of a server, their peer gone or not */
	LIMIT_GRPC_CONNECTIONS = 64,

	/* a layer's table of contents */
	LIMIT_TOC_BYTES = 150 << 20, /* as containers/storage has it */
	LIMIT_TOC_COMPRESSED_BYTES = 150 << 20,
	LIMIT_JSON_DEPTH = 64,
	LIMIT_JSON_STRING_BYTES = 1 << 20,

	/* a layer's tree */
	LIMIT_ENTRIES = 4 << 20,
	LIMIT_PATH_BYTES = 4096,
	LIMIT_NAME_BYTES = 255,
	LIMIT_DEPTH = 512, /* folders in folders */
	LIMIT_LINK_BYTES = 4095,
	LIMIT_XATTR_BYTES = 65535,        /* one value, as EROFS stores it */
	LIMIT_XATTRS_BYTES = 262148 - 12, /* of one inode */
	LIMIT_PAX_BYTES = 4 << 20,        /* one extended header */
	LIMIT_SPARSE_SEGMENTS = 1 << 18,  /* of one sparse file in a tar */
	LIMIT_INDEX_BYTES = 1 << 30,

	/* a tree on disk: the folders of one folder, while it is walked */
	LIMIT_FOLDER_NAMES_BYTES = 256 << 20,

	/* a profile: what a start reads */
	LIMIT_PROFILE_FILES = 1 << 14,
	LIMIT_PROFILE_ENTRIES = 1 << 14,
	LIMIT_PROFILE_RANGES = 1 << 11,
	LIMIT_PROFILE_NAMES_BYTES = 1 << 20,
	LIMIT_PROFILE_BYTES = 2 << 20, /* no less than all of these */
	LIMIT_PROFILES = 1000,         /* of one node */

	/* chunks */
	LIMIT_CHUNKS = 16 << 20,           /* of one layer */
	LIMIT_CHUNK_BYTES = 64 << 20,      /* decoded */
	LIMIT_CHUNK_BLOB_BYTES = 65 << 20, /* as it lies in the blob */
	LIMIT_SEEK_FRAMES = 1 << 22,
	LIMIT_HELD_BYTES = 16 << 20, /* of a frame whose end is not seen */
	LIMIT_POINTS = 1 << 20,      /* of one layer, where it restarts */
};

#define LIMIT_POINTS_BYTES GIB(2) /* their windows, compressed */

#define LIMIT_FILE_BYTES TIB(8)
#define LIMIT_BLOB_BYTES TIB(1)
#define LIMIT_HOLES_BYTES GIB(64) /* of one layer's sparse files */
#define LIMIT_LAYER_BYTES TIB(1)  /* all its files: addresses are finite */
#define LIMIT_DATA_BYTES TIB(16)  /* ext4's file size; 32-bit EROFS blocks */

#endif
