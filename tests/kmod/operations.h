/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations on nld.ko that failures.c makes fail, each with what must be
 * there before it. An operation returns 0, -ENOMEM if it says that there was
 * no memory, LOST, or another negative errno.
 */
#ifndef NLD_TEST_OPERATIONS_H
#define NLD_TEST_OPERATIONS_H

#include <sched.h>
#include <sys/syscall.h>

#include "inject.h"
#include "links.h"
#include "state.h"

#define DEVICE		50

static int home;
static const char *module_path;

static void open_listeners(int number)
{
	int i;

	for (i = 0; i < listeners; i++)
		close(listener_fd[i]);
	for (i = 0; i < number; i++) {
		listener_fd[i] = open_socket(NETLINK_NLD, NLD_GROUP_ROUTE);
		if (listener_fd[i] < 0)
			die("a listener");
	}
	listeners = number;
}

static void open_requests(void)
{
	if (request_fd > 0)
		close(request_fd);
	request_fd = open_socket(NETLINK_NLD, 0);
	if (request_fd < 0)
		die("socket");
	set(request_fd, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20);
}

static void flush(void)
{
	end(&out, begin_request(NLD_MSG_FLUSH, 0));
	must();
}

static void new_route(int flags, const char *prefix, int len, int metric)
{
	struct nlmsghdr *nlh = begin_request(NLD_MSG_ROUTE_NEW, flags);

	put_prefix(nlh, prefix, len);
	if (metric)
		put_u32(&out, NLD_A_METRIC, metric);
	put_address(NLD_A_GATEWAY, "192.0.2.1");
	put_u32(&out, NLD_A_OIF, DEVICE);
	end(&out, nlh);
}

static void new_list(int flags, const char *prefix, int len, int hops)
{
	struct nlmsghdr *nlh = begin_request(NLD_MSG_ROUTE_NEW, flags);

	put_prefix(nlh, prefix, len);
	put_hops(hops, DEVICE);
	put_address(NLD_A_PREFSRC, strchr(prefix, ':') ? "2001:db8::9" : "192.0.2.9");
	put(&out, NLD_A_OWNER, "failures", 8);
	end(&out, nlh);
}

/* Some operations take it away. */
static void need_device(void)
{
	int error = link_add(DEVICE, 0);

	if (error && error != EEXIST)
		die("adding the device: %s", strerror(error));
}

/* The same few records each time. */
static void base(void)
{
	need_device();
	open_requests();
	flush();
	new_route(NLM_F_CREATE, "10.1.0.0", 16, 0);
	must();
	new_route(NLM_F_CREATE, "10.1.0.0", 16, 5);
	must();
	new_list(NLM_F_CREATE, "10.2.0.0", 16, 3);
	must();
	new_list(NLM_F_CREATE, "2001:db8::", 32, 64);
	must();
}

static void base_and_listener(void)
{
	base();
	open_listeners(1);
}

static void base_and_listeners(void)
{
	base();
	open_listeners(2);
}

static void base_and_many(void)
{
	char prefix[32];
	int i;

	base();
	for (i = 0; i < 300; i++) {
		snprintf(prefix, sizeof(prefix), "10.3.%d.0", i % 256);
		new_route(NLM_F_CREATE, prefix, i < 256 ? 24 : 30, 0);
		must();
	}
}

/* Operations */

static int act_create(void)
{
	new_route(NLM_F_CREATE | NLM_F_EXCL, "10.1.2.0", 24, 0);
	return request();
}

static int act_create_fork(void)
{
	new_route(NLM_F_CREATE, "10.128.0.0", 9, 0);
	return request();
}

static int act_create_metric(void)
{
	new_route(NLM_F_CREATE, "10.1.0.0", 16, 3);
	return request();
}

static int act_create_list(void)
{
	new_list(NLM_F_CREATE, "2001:db8:1::", 48, 64);
	return request();
}

static int act_create_expiring(void)
{
	struct nlmsghdr *nlh = begin_request(NLD_MSG_ROUTE_NEW, NLM_F_CREATE);

	put_prefix(nlh, "10.9.0.0", 16);
	put_u32(&out, NLD_A_OIF, DEVICE);
	put_u32(&out, NLD_A_EXPIRES, 1000);
	end(&out, nlh);
	return request();
}

static int act_create_echo(void)
{
	new_route(NLM_F_CREATE | NLM_F_ECHO, "10.1.2.0", 24, 0);
	return request();
}

static int act_replace(void)
{
	new_list(NLM_F_REPLACE, "10.1.0.0", 16, 5);
	return request();
}

static int act_replace_same_echo(void)
{
	new_route(NLM_F_REPLACE | NLM_F_ECHO, "10.1.0.0", 16, 0);
	return request();
}

static int act_delete(void)
{
	struct nlmsghdr *nlh = begin_request(NLD_MSG_ROUTE_DEL, 0);

	put_prefix(nlh, "10.2.0.0", 16);
	end(&out, nlh);
	return request();
}

static int act_delete_echo(void)
{
	struct nlmsghdr *nlh = begin_request(NLD_MSG_ROUTE_DEL, NLM_F_ECHO);

	put_prefix(nlh, "2001:db8::", 32);
	end(&out, nlh);
	return request();
}

static int act_refused(void)
{
	new_route(NLM_F_CREATE, "10.1.0.0", 16, 0);
	switch (request()) {
	case LOST:
		return LOST;
	case -EEXIST:
		return 0;
	case -ENOMEM:
		return -ENOMEM;
	}
	die("a taken key was not refused");
}

static int get(const char *prefix, int len, int flags)
{
	struct nlmsghdr *nlh = begin_request(NLD_MSG_ROUTE_GET, 0);

	put_prefix(nlh, prefix, len);
	head(nlh)->flags = flags;
	end(&out, nlh);
	return request_wanting(NLD_MSG_ROUTE_NEW);
}

static int act_get(void)
{
	return get("10.1.0.0", 16, 0);
}

static int act_get_list(void)
{
	return get("2001:db8::", 32, 0);
}

static int act_lookup(void)
{
	return get("10.1.2.3", 32, NLD_F_LOOKUP);
}

static int act_stats(void)
{
	end(&out, begin_request(NLD_MSG_STATS, 0));
	return request_wanting(NLD_MSG_STATS);
}

static int act_info(void)
{
	end(&out, begin_request(NLD_MSG_GET_INFO, 0));
	return request_wanting(NLD_MSG_GET_INFO);
}

static int act_greet(void)
{
	struct nlmsghdr *nlh = begin_request(NLD_MSG_GREET, 0);

	put(&out, NLD_GREET_TEXT, "Hello", 6);
	end(&out, nlh);
	return request_wanting(NLD_MSG_GREET);
}

static int act_legacy(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 25), lost = 0, result = -ENOMEM;
	struct nlmsghdr *nlh;

	if (fd < 0)
		return -ENOMEM;
	out.used = 0;
	nlh = begin(&out, 0, 0, ++seq);
	nlh->nlmsg_flags = 0;
	end(&out, nlh);
	if (send(fd, out.data, out.used, 0) > 0) {
		if (receive(fd, &lost) && ((struct nlmsghdr *)in.data)->nlmsg_type == NLMSG_DONE)
			result = 0;
		else if (lost)
			result = LOST;
		else
			die("the legacy greeting was not answered, and no word of it");
	}
	close(fd);
	return result;
}

static int act_flush(void)
{
	end(&out, begin_request(NLD_MSG_FLUSH, 0));
	return request();
}

static int act_flush_echo(void)
{
	end(&out, begin_request(NLD_MSG_FLUSH, NLM_F_ECHO));
	return request();
}

/* A dump: whole, or its parts after the first. Its records are what they must be, or it fails. */
static int act_dump_parts(int inject_from_start, unsigned int n, int *injected)
{
	unsigned long seen = 0, silent = 0;
	int fd = open_socket(NETLINK_NLD, 0), lost = 0, result = -EINPROGRESS, len;
	struct nlmsghdr *nlh;

	if (fd < 0)
		die("socket");
	out.used = 0;
	nlh = begin(&out, NLD_MSG_ROUTE_GET, NLM_F_DUMP, ++seq);
	end(&out, nlh);
	if (inject_from_start)
		arm(n);
	if (send(fd, out.data, out.used, 0) < 0) {
		result = errno == ENOBUFS ? -ENOMEM : -errno;
	} else {
		if (!inject_from_start)
			arm(n);
		while (result == -EINPROGRESS && silent < 3) {
			if (!receive(fd, &lost)) {
				silent++;
				continue;
			}
			nlh = (struct nlmsghdr *)in.data;
			for (len = in.used; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
				if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR)
					result = *(int *)NLMSG_DATA(nlh);
				else
					seen++;
			}
		}
	}
	*injected = disarm();
	close(fd);
	if (!result && seen != before.seen)
		die("a dump of %lu records instead of %lu says that all is well", seen, before.seen);
	if (result == -EINPROGRESS && lost)
		return LOST;
	if (result == -EINPROGRESS)
		die("a dump stopped without a word");
	return result;
}

/* socket() calls a lack of memory for its inode a lack of files. */
static int open_error(void)
{
	return errno == ENFILE || errno == ENOBUFS ? -ENOMEM : -errno;
}

static int act_open(void)
{
	int fd = open_socket(NETLINK_NLD, 0);

	if (fd < 0)
		return open_error();
	close(fd);
	return 0;
}

static int act_join(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NLD), group = NLD_GROUP_ROUTE, result = 0;

	if (fd < 0)
		return open_error();
	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		result = -errno;
	close(fd);
	return result;
}

static int act_device_gone(void)
{
	int error = link_delete(DEVICE);

	return error == ENOBUFS ? LOST : -error;
}

/* What used a device that went goes a moment later: wait for it. */
static void settle(void)
{
	struct nlmsghdr *nlh;
	int lost = 0;

	do {
		open_requests();
		nlh = begin_request(NLD_MSG_ROUTE_GET, NLM_F_DUMP);
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		put_u32(&out, NLD_A_OIF, DEVICE);
		end(&out, nlh);
		if (send(request_fd, out.data, out.used, 0) < 0 || !receive(request_fd, &lost))
			die("what uses the device");
	} while (((struct nlmsghdr *)in.data)->nlmsg_type != NLMSG_DONE);
}

static int act_namespace(void)
{
	struct nlmsghdr *nlh;
	int fd, injected, kept = request_fd;

	/* The kernel's own parts of a namespace give up with errors of many kinds. */
	if (unshare(CLONE_NEWNET))
		return -ENOMEM;
	/* A namespace that says it is there works. */
	injected = disarm();
	fd = open_socket(NETLINK_NLD, 0);
	if (fd < 0)
		die("a socket in a new namespace");
	request_fd = fd;
	nlh = begin_request(NLD_MSG_ROUTE_NEW, NLM_F_CREATE);
	put_prefix(nlh, "10.0.0.0", 8);
	put_u32(&out, NLD_A_OIF, 1);
	end(&out, nlh);
	must();
	request_fd = kept;
	close(fd);
	if (setns(home, CLONE_NEWNET))
		die("setns");
	/* So that the caller's disarm() says the same again. */
	arm(injected ? 0 : 1000000);
	return 0;
}

/* The module */

static int loaded(void)
{
	return !access("/sys/module/nld", F_OK);
}

static void unload(void)
{
	int tries;

	open_listeners(0);
	if (request_fd > 0)
		close(request_fd);
	request_fd = 0;
	/* A namespace that ends holds sockets no longer, but its devices may hold it a moment. */
	for (tries = 0; loaded() && syscall(SYS_delete_module, "nld", O_NONBLOCK); tries++) {
		if (errno != EAGAIN && errno != EBUSY && errno != EWOULDBLOCK)
			die("delete_module");
		if (tries > 100)
			die("the module stays");
		usleep(100000);
	}
}

static int load(void)
{
	int fd = open(module_path, O_RDONLY | O_CLOEXEC), result;

	if (fd < 0)
		return -errno;
	result = syscall(SYS_finit_module, fd, "greet_protocol=25", 0) ? -errno : 0;
	close(fd);
	return result;
}

#endif
