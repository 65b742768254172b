// SPDX-License-Identifier: GPL-2.0-only
/*
 * What somebody else does meanwhile, and how long each of it takes
 *
 *	bystander
 *
 * Until SIGTERM, in the namespace it is started in: a change of a device,
 * which needs the host's RTNL; a record made and one deleted, which need the
 * mutex of the module's namespace; a look-up; the counters. All must succeed.
 * Prints one JSON object: how often, and the median and the worst in ms.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <time.h>

#include "links.h"

#define MOST	100000
#define PAUSE_US	500

enum what { RTNL, MAKE, DELETE, LOOKUP, COUNTERS, WHAT_COUNT };

static const char *const names[WHAT_COUNT] = { "rtnl", "make", "delete", "lookup", "counters" };
static double took[WHAT_COUNT][MOST];
static unsigned int turns;
static volatile sig_atomic_t stop;
static struct buffer out, in;
static __u32 seq;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* A device's length of queue, set to what it is. */
static void change_device(void)
{
	link_begin(&out, RTM_SETLINK, 0, 1);
	put_u32(&out, IFLA_TXQLEN, 1000);
	if (link_ask(&out))
		die("a change of lo");
}

static void ask(int fd, enum what what)
{
	static const int type[] = {
		[MAKE] = NLD_MSG_ROUTE_NEW, [DELETE] = NLD_MSG_ROUTE_DEL,
		[LOOKUP] = NLD_MSG_ROUTE_GET, [COUNTERS] = NLD_MSG_STATS,
	};
	struct nlmsghdr *nlh, *answer = (struct nlmsghdr *)in.data;
	__u32 dst = htonl(198U << 24 | 18 << 16);

	out.used = 0;
	nlh = begin(&out, type[what], what == MAKE ? NLM_F_CREATE | NLM_F_EXCL : 0, ++seq);
	if (what != COUNTERS) {
		head(nlh)->family = AF_INET;
		head(nlh)->dst_len = 32;
		put(&out, NLD_A_DST, &dst, sizeof(dst));
	}
	if (what == MAKE)
		put_u8(&out, NLD_A_TYPE, NLD_TYPE_BLACKHOLE);
	if (what == MAKE || what == DELETE)
		nlh->nlmsg_flags |= NLM_F_ACK;
	if (what == LOOKUP)
		head(nlh)->flags = NLD_F_LOOKUP;
	end(&out, nlh);
	if (send(fd, out.data, out.used, 0) < 0 || recv(fd, in.data, sizeof(in.data), 0) < 0)
		die("%s", names[what]);
	if (answer->nlmsg_type == NLMSG_ERROR && ((struct nlmsgerr *)NLMSG_DATA(answer))->error)
		die("%s: %d", names[what], ((struct nlmsgerr *)NLMSG_DATA(answer))->error);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(void)
{
	enum what what;
	int fd;

	signal(SIGTERM, on_signal);
	fd = open_socket(NETLINK_NLD, 0);
	if (fd < 0)
		die("socket");
	/* The first time finds everything cold. */
	for (what = MAKE; what < WHAT_COUNT; what++)
		if (what != DELETE)
			ask(fd, what);
	ask(fd, DELETE);
	change_device();
	puts("ready");
	fflush(stdout);
	for (; !stop && turns < MOST; turns++) {
		static const enum what order[WHAT_COUNT] = { RTNL, MAKE, LOOKUP, COUNTERS, DELETE };
		unsigned int i;

		for (i = 0; i < WHAT_COUNT; i++) {
			double start = now();

			if (order[i] == RTNL)
				change_device();
			else
				ask(fd, order[i]);
			took[order[i]][turns] = (now() - start) * 1e3;
		}
		usleep(PAUSE_US);
	}
	printf("{\"turns\": %u", turns);
	for (what = 0; what < WHAT_COUNT; what++) {
		qsort(took[what], turns, sizeof(double), by_value);
		if (turns)
			printf(", \"%s\": [%.2f, %.2f]", names[what], took[what][turns / 2], took[what][turns - 1]);
	}
	puts("}");
	return 0;
}
