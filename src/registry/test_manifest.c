#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/manifest.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/test.h"

#define ZEROS "00000000000000000000000000000000000000000000000000000000000000"
#define D(n) "\"sha256:" ZEROS n "\""
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define CONFIG                                                 \
	"\"config\":{\"mediaType\":\"" OCI "config.v1+json\"," \
	"\"digest\":" D("01") ",\"size\":7}"
#define LAYER(type) \
	"{\"mediaType\":\"" type "\",\"digest\":" D("02") ",\"size\":9}"
#define IMAGE(layers) "{\"schemaVersion\":2," CONFIG ",\"layers\":[" layers "]}"

static int
parse(struct manifest *m, const char *text, struct err *e)
{
	return manifest_parse(m, text, strlen(text), e);
}

static void
check_fails(const char *text, int code)
{
	struct manifest m;
	struct err e = ERR_INIT;

	if (parse(&m, text, &e) == 0)
		fail_msg("taken: %s", text);
	if (e.code != code)
		fail_msg("%s: %d instead of %d: %s", text, e.code, code, e.msg);
}

static void
a_manifest_gives_its_layers_and_digest(void **state)
{
	const char *text = IMAGE(LAYER(OCI "layer.v1.tar+gzip") "," LAYER(
	    DOCKER "image.rootfs.diff.tar.gzip"));
	AUTO_MANIFEST struct manifest m = { 0 };
	struct err e = ERR_INIT;
	struct digest d;

	(void)state;
	if (parse(&m, text, &e) < 0)
		fail_msg("%s", e.msg);
	digest_of(&d, text, strlen(text));
	assert_true(digest_equal(&d, &m.digest));
	assert_int_equal(m.n_layers, 2);
	assert_int_equal(m.layers[0].size, 9);
	assert_int_equal(m.config.size, 7);
	assert_string_equal(m.media_type, OCI "manifest.v1+json");
	assert_int_equal(m.raw_len, strlen(text));
	assert_memory_equal(m.raw, text, m.raw_len);
}

static void
what_is_no_image_is_refused_by_name(void **state)
{
	(void)state;
	check_fails("{\"schemaVersion\":1,\"fsLayers\":[]}", ENOTSUP);
	check_fails("{\"mediaType\":\"" DOCKER
		    "distribution.manifest.v1+prettyjws\"}",
	    ENOTSUP);
	check_fails("{\"mediaType\":\"application/x\"}", ENOTSUP);
	check_fails(
	    IMAGE(LAYER(OCI "layer.nondistributable.v1.tar+gzip")), ENOTSUP);
	check_fails(
	    IMAGE(LAYER(DOCKER "image.rootfs.foreign.diff.tar.gzip")), ENOTSUP);
	check_fails(IMAGE(LAYER("text/plain")), ENOTSUP);
	check_fails("{\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1"
		    "+json\",\"digest\":" D("01") ",\"size\":2},\"layers\":[]}",
	    ENOTSUP);
}

static void
damaged_manifests_are_refused(void **state)
{
	(void)state;
	check_fails("", EBADMSG);
	check_fails("[]", EBADMSG);
	check_fails("{}", EBADMSG);
	check_fails("<html>", EBADMSG);
	check_fails("{\"layers\":[]}", EBADMSG);
	check_fails("{" CONFIG "}", EBADMSG);
	check_fails("{" CONFIG ",\"layers\":{}}", EBADMSG);
	check_fails(IMAGE("7"), EBADMSG);
	check_fails(IMAGE("{\"mediaType\":\"" OCI "layer.v1.tar\"}"), EBADMSG);
	check_fails("{" CONFIG ",\"manifests\":[],\"layers\":[]}", EBADMSG);
	check_fails("{\"mediaType\":\"" OCI "index.v1+json\"," CONFIG
		    ",\"layers\":[]}",
	    EBADMSG);
	check_fails("{\"manifests\":[]}", EBADMSG);
	check_fails(
	    "{\"schemaVersion\":\"2\"," CONFIG ",\"layers\":[]}", EBADMSG);
	check_fails("{\"config\":{\"mediaType\":\"" OCI "config.v1+json\","
		    "\"digest\":" D("01") ",\"size\":99999999},\"layers\":[]}",
	    EBADMSG);
}

static void
layers_are_counted(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT(MIB(1));
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(buf_append_str(&b, "{" CONFIG ",\"layers\":[", &e), 0);
	for (int i = 0; i <= LIMIT_LAYERS; i++)
		assert_int_equal(buf_printf(&b, &e, "%s%s", i > 0 ? "," : "",
				     LAYER(OCI "layer.v1.tar")),
		    0);
	assert_int_equal(buf_append_str(&b, "]}", &e), 0);
	check_fails(buf_str(&b), EBADMSG);
}

/* ---- indexes ---- */

#define ENTRY(n, platform)                        \
	"{\"mediaType\":\"" OCI                   \
	"manifest.v1+json\",\"digest\":" D(n) "," \
					      "\"size\":1" platform "}"
#define ON(arch, more) \
	",\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\"" more "}"
#define VARIANT(v) ",\"variant\":\"" v "\""
#define INDEX(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"
#define ZSTD                                                                 \
	",\"annotations\":{\"io.github.containers.compression.zstd\":\"true" \
	"\"}"

static const char many[] =
    INDEX(ENTRY("08", ",\"platform\":{\"os\":\"unknown\",\"architecture\":"
		      "\"unknown\"}") "," ENTRY("10",
	ON("amd64", "")) "," ENTRY("11", ON("amd64", "") ZSTD) "," ENTRY("12",
	ON("arm", VARIANT("v5"))) "," ENTRY("13",
	ON("arm", VARIANT("v7"))) "," ENTRY("14",
	ON("arm64", VARIANT("v8"))) "," ENTRY("15", ON("riscv64", "")));

static const struct {
	const char *architecture, *variant;
	uint8_t chosen; /* its digest's last byte; 0: ENOENT */
} choices[] = {
	{ "amd64", NULL, 0x11 },
	{ "arm", "v7", 0x13 },
	{ "arm", "v6", 0x12 },
	{ "arm", "v5", 0x12 },
	{ "arm", NULL, 0x13 },
	{ "arm64", "v8", 0x14 },
	{ "arm64", NULL, 0x14 },
	{ "riscv64", "v9", 0x15 },
	{ "s390x", NULL, 0 },
	{ "unknown", NULL, 0 },
};

static void
the_platform_is_chosen_by_variant(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
		struct platform p = { "linux", choices[i].architecture,
			choices[i].variant };
		struct descriptor d = { 0 };
		struct err e = ERR_INIT;
		int rc = manifest_choose(many, strlen(many), &p, &d, &e);

		if (choices[i].chosen == 0) {
			assert_int_equal(rc, -1);
			assert_int_equal(e.code, ENOENT);
			assert_non_null(strstr(e.msg, "linux/arm/v5"));
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(d.digest.bytes[31], choices[i].chosen);
		descriptor_release(&d);
	}
}

static void
an_artifact_of_the_platform_is_not_chosen(void **state)
{
	static const char index[] = INDEX(ENTRY("30",
	    ON("amd64", "") ",\"artifactType\":"
			    "\"application/vnd.amazon.soci.index.v2+json"
			    "\"") "," ENTRY("31",
	    ON("amd64", "") ",\"artifactType\":"
			    "\"application/vnd.oci.image.config.v1+json\""));
	struct platform p = { "linux", "amd64", NULL };
	struct descriptor d = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(manifest_choose(index, strlen(index), &p, &d, &e), 0);
	assert_int_equal(d.digest.bytes[31], 0x31);
	descriptor_release(&d);
}

static void
a_sole_entry_needs_no_platform(void **state)
{
	struct platform p = { "linux", "amd64", NULL };
	struct descriptor d = { 0 };
	struct err e = ERR_INIT;
	const char *one = INDEX(ENTRY("20", "")),
		   *two = INDEX(ENTRY("20", "") "," ENTRY("21", ""));

	(void)state;
	assert_int_equal(manifest_choose(one, strlen(one), &p, &d, &e), 0);
	descriptor_release(&d);
	assert_int_equal(manifest_choose(two, strlen(two), &p, &d, &e), -1);
}

static void
the_machine_has_a_platform(void **state)
{
	struct platform p = platform_of_machine();

	(void)state;
	assert_string_equal(p.os, "linux");
	assert_string_not_equal(p.architecture, "unknown");
}

/* ---- configs ---- */

static void
a_config_gives_its_diff_ids(void **state)
{
	const char *text = "{\"os\":\"linux\",\"architecture\":\"amd64\","
			   "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" D(
			       "01") "," D("02") "]}}";
	struct image_config c;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(image_config_parse(&c, text, strlen(text), &e), 0);
	assert_int_equal(c.n_diff_ids, 2);
	assert_int_equal(c.diff_ids[1].bytes[31], 2);
	assert_string_equal(c.os, "linux");
	image_config_release(&c);
}

static void
damaged_configs_are_refused(void **state)
{
	static const char *const texts[] = { "", "{}", "[]", "7",
		"{\"rootfs\":{}}", "{\"rootfs\":{\"diff_ids\":{}}}",
		"{\"rootfs\":{\"diff_ids\":[7]}}",
		"{\"rootfs\":{\"diff_ids\":[\"sha256:12\"]}}",
		"{\"os\":1,\"rootfs\":{\"diff_ids\":[]}}" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct image_config c;
		struct err e = ERR_INIT;

		assert_int_equal(
		    image_config_parse(&c, texts[i], strlen(texts[i]), &e), -1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_gives_its_layers_and_digest),
		cmocka_unit_test(what_is_no_image_is_refused_by_name),
		cmocka_unit_test(damaged_manifests_are_refused),
		cmocka_unit_test(layers_are_counted),
		cmocka_unit_test(the_platform_is_chosen_by_variant),
		cmocka_unit_test(an_artifact_of_the_platform_is_not_chosen),
		cmocka_unit_test(a_sole_entry_needs_no_platform),
		cmocka_unit_test(the_machine_has_a_platform),
		cmocka_unit_test(a_config_gives_its_diff_ids),
		cmocka_unit_test(damaged_configs_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
