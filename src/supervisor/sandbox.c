#include "supervisor/sandbox.h"

#include <errno.h>
#include <linux/netlink.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "supervisor/sandbox_calls.h"
#include "base/cleanup.h"
#include "base/err.h"

static void
filter_cleanup(scmp_filter_ctx *f)
{
	if (*f != NULL)
		seccomp_release(*f);
}

#define AUTO_FILTER CLEANUP(filter_cleanup)

/* What libseccomp says is a negative errno. */
static int
failed(int rc, const char *what, struct err *e)
{
	errno = -rc;
	return err_sys(e, "system call filter: %s", what);
}

static int
add_names(
    scmp_filter_ctx f, uint32_t action, const char *const *names, struct err *e)
{
	for (; *names != NULL; names++) {
		int number = seccomp_syscall_resolve_name(*names), rc;

		if (number == __NR_SCMP_ERROR || number < 0)
			continue; /* another architecture's, or too new */
		rc = seccomp_rule_add(f, action, number, 0);
		if (rc < 0)
			return failed(rc, *names, e);
	}
	return 0;
}

static int
add_condition(
    scmp_filter_ctx f, const struct sandbox_condition *c, struct err *e)
{
	int number = seccomp_syscall_resolve_name(c->call), rc;
	struct scmp_arg_cmp compare =
	    SCMP_CMP64(c->argument, SCMP_CMP_MASKED_EQ, c->mask, c->value);

	if (number == __NR_SCMP_ERROR || number < 0)
		return 0;
	rc = seccomp_rule_add_array(
	    f, SCMP_ACT_ALLOW, number, c->mask != 0, &compare);
	return rc < 0 ? failed(rc, c->call, e) : 0;
}

/* A condition on two arguments. */
static int
add_netlink(scmp_filter_ctx f, struct err *e)
{
	int rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
	    SCMP_CMP(0, SCMP_CMP_EQ, AF_NETLINK, 0),
	    SCMP_CMP(2, SCMP_CMP_EQ, NETLINK_ROUTE, 0));

	return rc < 0 ? failed(rc, "socket", e) : 0;
}

static int
add_all(scmp_filter_ctx f, struct err *e)
{
	if (add_names(f, SCMP_ACT_ALLOW, sandbox_allowed, e) < 0 ||
	    add_names(f, SCMP_ACT_KILL_PROCESS, sandbox_deadly, e) < 0 ||
	    add_netlink(f, e) < 0)
		return -1;
	for (size_t i = 0; i < n_sandbox_conditions; i++)
		if (add_condition(f, &sandbox_conditions[i], e) < 0)
			return -1;
	return 0;
}

int
sandbox_enter(struct err *e)
{
	AUTO_FILTER scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc;

	if (f == NULL)
		return err_set(e, ENOMEM, "system call filter");
	/* Another architecture's calls have other numbers. */
	rc =
	    seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc < 0)
		return failed(rc, "attributes", e);
	if (add_all(f, e) < 0)
		return -1;
	rc = seccomp_load(f);
	if (rc == -EINVAL || rc == -EFAULT || rc == -ENOSYS ||
	    rc == -EOPNOTSUPP)
		return err_set(
		    e, ENOTSUP, "this kernel has no filters of system calls");
	return rc < 0 ? failed(rc, "load", e) : 0;
}
