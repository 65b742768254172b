// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invariant: what a user may do in a user and network namespace of his own
 * harms nobody else, however much of it he does and whenever he ends it.
 *
 *	strangers expiry ROUNDS RECORDS	namespaces end while their records expire
 *	strangers hold RECORDS		one stays, without a socket, until it is killed
 *	strangers device RECORDS	a device goes that records of all sorts use
 *	strangers listener RECORDS	listeners that do not read, beside a writer
 *	strangers metrics RECORDS	as many metrics at one prefix, half by a device that goes
 *	strangers dump ROUNDS		dumps beside a writer see what nobody touches
 *	strangers fill HOPS DEVICE	one makes records of so many next hops until he is refused, and stays;
 *					with DEVICE 1 all next hops but one lose their device then
 *
 * Run as root, it becomes user 1000 first. Prints one JSON object.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "links.h"

#define SEND_SIZE	30000
#define USER		1000
#define DEVICE		10
#define STAY		2000

static struct buffer out, in;
static __u32 seq;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void sleep_until(double when)
{
	while (now() < when)
		usleep(1000);
}

/* Into namespaces of one's own, as a user without rights. */
static void become(void)
{
	if (!getuid() && (setresgid(USER, USER, USER) || setresuid(USER, USER, USER)))
		die("becoming a user");
	/* Who changes his id may not be traced by himself, and so not look at /proc. */
	prctl(PR_SET_DUMPABLE, 1);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		die("namespaces of his own");
}

static int own_socket(int group)
{
	int fd = open_socket(NETLINK_NLD, group);

	if (fd < 0)
		die("socket");
	return fd;
}

static __u64 counter(int fd, int which)
{
	const struct nlattr *tb[NLD_STATS_MAX + 1];
	struct buffer *b = malloc(sizeof(*b));
	__u64 value;

	b->used = 0;
	end(b, begin(b, NLD_MSG_STATS, 0, 1));
	if (send(fd, b->data, b->used, 0) < 0 || recv(fd, b->data, sizeof(b->data), 0) < 0)
		die("counters");
	if (message_attributes((struct nlmsghdr *)b->data, tb, NLD_STATS_MAX) || !tb[which])
		die("no counter %d", which);
	value = at_u64(tb[which]);
	free(b);
	return value;
}

static void send_out(int fd)
{
	if (out.used && send(fd, out.data, out.used, 0) < 0)
		die("send");
	out.used = 0;
}

/* One record: a host route, a blackhole or by a gateway on the device. */
static void record(int fd, int type, unsigned int host, int device, unsigned int expires)
{
	struct nlmsghdr *nlh = begin(&out, type, type == NLD_MSG_ROUTE_NEW ? NLM_F_CREATE : 0, ++seq);
	__u32 dst = htonl(10U << 24 | host), gateway = htonl(0xc0000200 | host % 64);

	head(nlh)->family = AF_INET;
	head(nlh)->dst_len = 32;
	put(&out, NLD_A_DST, &dst, sizeof(dst));
	if (type == NLD_MSG_ROUTE_NEW && device) {
		put(&out, NLD_A_GATEWAY, &gateway, sizeof(gateway));
		put_u32(&out, NLD_A_OIF, device);
	} else if (type == NLD_MSG_ROUTE_NEW) {
		put_u8(&out, NLD_A_TYPE, NLD_TYPE_BLACKHOLE);
	}
	if (expires)
		put_u32(&out, NLD_A_EXPIRES, expires);
	end(&out, nlh);
	if (out.used > SEND_SIZE)
		send_out(fd);
}

static void make(int fd, unsigned int records, int device, unsigned int expires)
{
	__u64 before = counter(fd, NLD_STATS_CREATED);
	unsigned int i;

	for (i = 0; i < records; i++)
		record(fd, NLD_MSG_ROUTE_NEW, i, device, expires);
	send_out(fd);
	if (counter(fd, NLD_STATS_CREATED) != before + records)
		die("not all of %u records were made", records);
}

static void expiry(unsigned int rounds, unsigned int records)
{
	unsigned int i;
	int status;

	for (i = 0; i < rounds; i++) {
		pid_t child = fork();

		if (!child) {
			double start;

			become();
			start = now();
			make(own_socket(0), records, 0, 1);
			/* The first ones expire now, and with this process the namespace ends. */
			sleep_until(start + 1 + 0.05 * (i % 8));
			_exit(0);
		}
		if (waitpid(child, &status, 0) != child || status)
			die("round %u", i);
	}
	printf("{\"rounds\": %u, \"records\": %u}\n", rounds, records);
}

static void hold(unsigned int records)
{
	int fd;

	become();
	fd = own_socket(0);
	make(fd, records, 0, 1);
	close(fd);
	puts("ready");
	fflush(stdout);
	pause();
}

static void device(unsigned int records)
{
	double start, removed, gone;
	int fd;

	become();
	fd = own_socket(0);
	if (link_add(DEVICE, DEVICE + 1))
		die("a device");
	make(fd, records, DEVICE, 0);
	start = now();
	if (link_delete(DEVICE))
		die("deleting a device");
	removed = now();
	/* A new one may have its number at once, and its record stays. */
	if (link_add(DEVICE, DEVICE + 1))
		die("a device again");
	record(fd, NLD_MSG_ROUTE_NEW, records, DEVICE, 0);
	send_out(fd);
	while (counter(fd, NLD_STATS_DEVICE) < records)
		usleep(1000);
	gone = now();
	if (counter(fd, NLD_STATS_ROUTES4) != 1)
		die("%llu records are left, not the new device's one", counter(fd, NLD_STATS_ROUTES4));
	printf("{\"records\": %u, \"removed_ms\": %.1f, \"gone_ms\": %.1f}\n", records, (removed - start) * 1e3,
	       (gone - start) * 1e3);
}

static void listener(unsigned int records)
{
	int fd, i;

	become();
	fd = own_socket(0);
	for (i = 0; i < 64; i++)
		set(own_socket(NLD_GROUP_ROUTE), SOL_SOCKET, SO_RCVBUF, 1);
	make(fd, records, 0, 0);
	printf("{\"records\": %u}\n", records);
}

/* All but NLD_MAX_METRICS are refused, and none costs a walk through all of them. */
static void metrics(unsigned int records)
{
	__u32 dst = htonl(10U << 24);
	double start, made, removed;
	unsigned int i;
	int fd;

	become();
	fd = own_socket(0);
	if (link_add(DEVICE, DEVICE + 1))
		die("a device");
	start = now();
	for (i = 0; i < records; i++) {
		struct nlmsghdr *nlh = begin(&out, NLD_MSG_ROUTE_NEW, NLM_F_CREATE, ++seq);

		head(nlh)->family = AF_INET;
		head(nlh)->dst_len = 24;
		put(&out, NLD_A_DST, &dst, sizeof(dst));
		put_u32(&out, NLD_A_METRIC, i);
		if (i % 2)
			put_u32(&out, NLD_A_OIF, DEVICE);
		else
			put_u8(&out, NLD_A_TYPE, NLD_TYPE_BLACKHOLE);
		end(&out, nlh);
		if (out.used > 4000) {
			send_out(fd);
			while (recv(fd, in.data, sizeof(in.data), MSG_DONTWAIT) > 0)
				;
		}
	}
	send_out(fd);
	while (recv(fd, in.data, sizeof(in.data), MSG_DONTWAIT) > 0)
		;
	made = now();
	if (counter(fd, NLD_STATS_ROUTES4) != (records < NLD_MAX_METRICS ? records : NLD_MAX_METRICS))
		die("%llu metrics at one prefix", counter(fd, NLD_STATS_ROUTES4));
	if (link_delete(DEVICE))
		die("deleting a device");
	removed = now();
	printf("{\"records\": %u, \"made_ms\": %.1f, \"removed_ms\": %.1f}\n", records, (made - start) * 1e3,
	       (removed - made) * 1e3);
}

static void write_on(void)
{
	int fd = own_socket(0);
	unsigned int i = 0;

	for (;; i++) {
		/* Between what stays: neighbours, and what forks above them. */
		unsigned int host = (i * 7919) % STAY * 4 + 1 + i % 3;

		record(fd, NLD_MSG_ROUTE_NEW, host, 0, 0);
		record(fd, NLD_MSG_ROUTE_DEL, host, 0, 0);
		if (i % 64 == 0) {
			send_out(fd);
			while (recv(fd, in.data, sizeof(in.data), MSG_DONTWAIT) > 0)
				;
		}
	}
}

/* How many of those that stay a dump has. */
static unsigned int dump(int fd, int *interrupted)
{
	unsigned int stayed = 0;
	int len;

	out.used = 0;
	end(&out, begin(&out, NLD_MSG_ROUTE_GET, NLM_F_DUMP, ++seq));
	send_out(fd);
	for (;;) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)in.data;

		len = recv(fd, in.data, sizeof(in.data), 0);
		if (len < 0)
			die("dump");
		for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			const struct nlattr *tb[NLD_A_MAX + 1];

			*interrupted |= nlh->nlmsg_flags & NLM_F_DUMP_INTR;
			if (nlh->nlmsg_type == NLMSG_DONE)
				return stayed;
			if (message_attributes(nlh, tb, NLD_A_MAX) || !tb[NLD_A_DST])
				die("a record in a dump");
			stayed += ntohl(at_u32(tb[NLD_A_DST])) % 4 == 0;
		}
	}
}

static void dumps(unsigned int rounds)
{
	unsigned int i, skipped = 0, interrupted = 0;
	pid_t child;
	int fd;

	become();
	fd = own_socket(0);
	for (i = 0; i < STAY; i++)
		record(fd, NLD_MSG_ROUTE_NEW, i * 4, 0, 0);
	send_out(fd);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		write_on();
	}
	for (i = 0; i < rounds; i++) {
		int flagged = 0;

		skipped += dump(fd, &flagged) != STAY;
		interrupted += !!flagged;
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	printf("{\"dumps\": %u, \"skipped\": %u, \"interrupted\": %u}\n", rounds, skipped, interrupted);
	if (skipped)
		die("%u of %u dumps skipped a record that nobody touched", skipped, rounds);
}

/* No two with the same next hops, which would share them. */
static void hops_record(unsigned int number, unsigned int hops, int device)
{
	struct nlmsghdr *nlh = begin(&out, NLD_MSG_ROUTE_NEW, NLM_F_CREATE | NLM_F_ACK, ++seq);
	__u32 dst = htonl(10U << 24 | number), gateway;
	struct nlattr *list, *entry;
	unsigned int i;

	head(nlh)->family = AF_INET;
	head(nlh)->dst_len = 32;
	put(&out, NLD_A_DST, &dst, sizeof(dst));
	list = nest(&out, NLD_A_NEXTHOPS);
	for (i = 0; i < hops; i++) {
		entry = nest(&out, NLD_NH_ENTRY);
		gateway = htonl(1U << 24 | (number & 0xffff) << 8 | (1 + i));
		put(&out, NLD_NH_GATEWAY, &gateway, sizeof(gateway));
		if (device && i)
			put_u32(&out, NLD_NH_OIF, device);
		nest_end(&out, entry);
	}
	nest_end(&out, list);
	end(&out, nlh);
}

/* Says how many, and what he is charged with, and stays until he is killed. */
static void fill(unsigned int hops, int lose)
{
	struct nlmsgerr *error = NLMSG_DATA((struct nlmsghdr *)in.data);
	unsigned int records = 0;
	int fd;

	become();
	fd = own_socket(0);
	if (lose && link_add(DEVICE, DEVICE + 1))
		die("a device");
	for (;; records++) {
		hops_record(records, hops, lose ? DEVICE : 0);
		send_out(fd);
		if (recv(fd, in.data, sizeof(in.data), 0) < 0)
			die("an answer");
		if (error->error)
			break;
	}
	if (error->error != -ENOSPC)
		die("record %u was refused with %d", records, error->error);
	if (lose && link_delete(DEVICE))
		die("deleting a device");
	while (lose && counter(fd, NLD_STATS_REPLACED) < records)
		usleep(1000);
	printf("{\"records\": %u, \"bytes\": %llu}\n", records, counter(fd, NLD_STATS_BYTES));
	fflush(stdout);
	pause();
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	unsigned int number = argc > 2 ? atoi(argv[2]) : 0;

	if (!strcmp(what, "expiry") && argc > 3)
		expiry(number, atoi(argv[3]));
	else if (!strcmp(what, "hold"))
		hold(number);
	else if (!strcmp(what, "device"))
		device(number);
	else if (!strcmp(what, "listener"))
		listener(number);
	else if (!strcmp(what, "metrics"))
		metrics(number);
	else if (!strcmp(what, "dump"))
		dumps(number);
	else if (!strcmp(what, "fill") && argc > 3)
		fill(number, atoi(argv[3]));
	else
		return fprintf(stderr, "usage: strangers expiry|hold|device|listener|metrics|dump|fill NUMBER...\n"), 2;
	return 0;
}
