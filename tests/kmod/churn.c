// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invariant: network namespaces with routes in them come and go, with their
 * devices, sockets and half-read dumps, and the kernel minds neither that nor
 * that nld.ko is loaded and unloaded meanwhile.
 *
 *	churn THREADS
 *
 * Each thread moves into a new network namespace again and again; the one it
 * leaves ends with all that is in it. Between two it leaves the processors to
 * others, because a namespace costs as much as hundreds of messages. SIGTERM ends the program, which then
 * prints one JSON object. Exit status 0: all that must succeed did.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "links.h"

#define ROUTES		40
#define PAUSE_US	300000

static atomic_int stop;
static atomic_ulong namespaces, with_module, routes, moved;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void put_hop(struct buffer *b, __u32 gateway, int device)
{
	struct nlattr *entry = nest(b, NLD_NH_ENTRY);

	gateway = htonl(gateway);
	put(b, NLD_NH_GATEWAY, &gateway, sizeof(gateway));
	put_u32(b, NLD_NH_OIF, device);
	nest_end(b, entry);
}

/* Routes over the devices, some over several, some that expire. */
static void make_routes(int fd, struct buffer *b, const int *device, int turn)
{
	int i;

	b->used = 0;
	for (i = 0; i < ROUTES; i++) {
		struct nlmsghdr *nlh = begin(b, NLD_MSG_ROUTE_NEW, NLM_F_CREATE | NLM_F_REPLACE, i);
		__u32 dst = htonl(10U << 24 | turn % 8 << 16 | i << 8);
		struct nlattr *list;

		head(nlh)->family = AF_INET;
		head(nlh)->dst_len = 24;
		put(b, NLD_A_DST, &dst, sizeof(dst));
		if (i % 3) {
			put_u32(b, NLD_A_OIF, device[i % 4]);
		} else {
			list = nest(b, NLD_A_NEXTHOPS);
			put_hop(b, 0xc0000201, device[0]);
			put_hop(b, 0xc0000202, device[i % 4]);
			nest_end(b, list);
		}
		if (i % 8 == 1)
			put_u32(b, NLD_A_EXPIRES, 1 + i % 2);
		end(b, nlh);
	}
	if (send(fd, b->data, b->used, 0) < 0)
		die("routes in a namespace");
	routes += ROUTES;
}

/* One namespace: devices and routes are made, meet in different orders, and are left. */
static void turn(struct buffer *b, int home, int id, int n)
{
	/* The moved one needs an index that is free at home. */
	int device[4] = { 1, 10, 11, 1000 + id };
	int fd, group;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	namespaces++;
	if (link_add(10, 20) || link_add(11, 0) || link_add(device[3], 0))
		die("devices in a namespace");
	fd = open_socket(NETLINK_NLD, 0);
	group = open_socket(NETLINK_NLD, NLD_GROUP_ROUTE);
	if (fd >= 0) {
		with_module++;
		make_routes(fd, b, device, n);
	}
	if (n % 2)
		link_delete(10);
	if (n % 3 == 0 && !link_move(device[3], home))
		moved++;
	if (fd >= 0) {
		b->used = 0;
		end(b, begin(b, NLD_MSG_ROUTE_GET, NLM_F_DUMP, 1));
		set(fd, SOL_SOCKET, SO_RCVBUFFORCE, 4096);
		if (send(fd, b->data, b->used, 0) < 0)
			die("a dump in a namespace");
	}
	/* Where a moved device ends: removed from home by a thread that is there. */
	if (n % 3 == 0 && !setns(home, CLONE_NEWNET))
		link_delete(device[3]);
	if (fd >= 0)
		close(fd);
	if (group >= 0)
		close(group);
}

static void *thread_main(void *data)
{
	struct buffer *b = malloc(sizeof(*b));
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), n;

	if (!b || home < 0)
		die("a thread");
	for (n = 0; !stop; n++) {
		turn(b, home, (int)(long)data, n);
		usleep(PAUSE_US);
	}
	if (setns(home, CLONE_NEWNET))
		die("setns");
	close(home);
	free(b);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[16];
	int i, number = argc > 1 ? atoi(argv[1]) : 1;

	signal(SIGTERM, on_signal);
	for (i = 0; i < number && i < 16; i++)
		if (pthread_create(&thread[i], NULL, thread_main, (void *)(long)i))
			die("a thread");
	for (i = 0; i < number && i < 16; i++)
		pthread_join(thread[i], NULL);
	printf("{\"namespaces\": %lu, \"with_module\": %lu, \"routes\": %lu, \"devices_moved\": %lu}\n", namespaces,
	       with_module, routes, moved);
	return 0;
}
