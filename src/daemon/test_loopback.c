#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/loopback.h"
#include "base/test.h"

static void
loopback_addresses_are_read(void **state)
{
	struct sockaddr_storage a;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(loopback_parse("127.0.0.1:9464", &a, &n, &e), 0);
	assert_int_equal(a.ss_family, AF_INET);
	assert_int_equal(ntohs(((struct sockaddr_in *)&a)->sin_port), 9464);
	assert_int_equal(loopback_parse("127.8.9.10:1", &a, &n, &e), 0);
	assert_int_equal(loopback_parse("[::1]:65535", &a, &n, &e), 0);
	assert_int_equal(a.ss_family, AF_INET6);
}

static void
everything_else_is_refused(void **state)
{
	static const char *const bad[] = { "", "9464", ":9464", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:80x",
		"127.0.0.1: 80", "127.0.0.1:-1", "0.0.0.0:9464",
		"192.168.1.1:9464", "10.0.0.1:9464", "localhost:9464",
		"[::]:9464", "[fe80::1]:9464", "::1:9464", "[::1]", "[::1]9464",
		"[127.0.0.1]:9464", "1270.0.0.1:9464",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:1]:1" };
	struct sockaddr_storage a;
	struct err e;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_fails(loopback_parse(bad[i], &a, &n, &e), e, EINVAL);
}

static void
somebody_can_connect_there(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int probe = socket(AF_INET, SOCK_STREAM, 0), fd, client;
	char text[32];
	struct err e;

	(void)state;
	assert_int_equal(bind(probe, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(probe, (struct sockaddr *)&a, &len), 0);
	close(probe);
	snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(a.sin_port));
	fd = loopback_listen(text, &e);
	assert_true(fd >= 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&a, sizeof a), 0);
	close(client);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback_addresses_are_read),
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(somebody_can_connect_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
