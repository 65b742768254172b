// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invariant: what walks through a large table gives way on its way, and ends
 * when its process is killed; what it has not reached then is still there.
 *
 *	turns RECORDS
 *
 * Records expire at once, a dump finds none of all of them, a flush is
 * watched, a flush and a dump are killed. Exit status 0: the invariant held.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "wire.h"

#define SEND_SIZE	30000
#define PARTS		8
#define PART		400

static struct buffer out, in;
static int fd;
static __u32 seq;

static __u64 counter(int which)
{
	const struct nlattr *tb[NLD_STATS_MAX + 1];

	out.used = 0;
	end(&out, begin(&out, NLD_MSG_STATS, 0, ++seq));
	if (send(fd, out.data, out.used, 0) < 0 || recv(fd, in.data, sizeof(in.data), 0) < 0)
		die("counters");
	if (message_attributes((struct nlmsghdr *)in.data, tb, NLD_STATS_MAX) || !tb[which])
		die("no counter %d", which);
	return at_u64(tb[which]);
}

static void send_out(void)
{
	if (out.used && send(fd, out.data, out.used, 0) < 0)
		die("send");
	out.used = 0;
}

/* Without acks: a refusal would be the only answer, and would be found by the count. */
static void make(unsigned int first, unsigned int records, unsigned int expires)
{
	__u64 before = counter(NLD_STATS_ROUTES4);
	unsigned int i;

	out.used = 0;
	for (i = first; i < first + records; i++) {
		struct nlmsghdr *nlh = begin(&out, NLD_MSG_ROUTE_NEW, NLM_F_CREATE, ++seq);
		__u32 dst = htonl(10U << 24 | i);

		head(nlh)->family = AF_INET;
		head(nlh)->dst_len = 32;
		put(&out, NLD_A_DST, &dst, sizeof(dst));
		put_u8(&out, NLD_A_TYPE, NLD_TYPE_BLACKHOLE);
		if (expires)
			put_u32(&out, NLD_A_EXPIRES, expires);
		end(&out, nlh);
		if (out.used > SEND_SIZE)
			send_out();
	}
	send_out();
	if (!expires && counter(NLD_STATS_ROUTES4) != before + records)
		die("not all records are there");
}

/*
 * A part each second, to expire a second sooner than the one before: so more
 * are over at once than can be deleted in one turn.
 */
static void make_expiring(void)
{
	struct timespec now, start;
	unsigned int i;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 0; i < PARTS; i++) {
		make(i * PART, PART, PARTS - i);
		do {
			usleep(1000);
			clock_gettime(CLOCK_MONOTONIC, &now);
		} while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 1000 * (i + 1));
	}
	while (counter(NLD_STATS_ROUTES4))
		usleep(10000);
	if (counter(NLD_STATS_EXPIRED) != PARTS * PART)
		die("%llu expired", counter(NLD_STATS_EXPIRED));
}

static void ask_flush(int fd)
{
	struct buffer b = { .used = 0 };

	end(&b, begin(&b, NLD_MSG_FLUSH, NLM_F_ACK, 1));
	if (send(fd, b.data, b.used, 0) < 0)
		die("flush");
}

/* A dump that no record matches: all of the table in one part. */
static void ask_dump(int fd)
{
	struct buffer b = { .used = 0 };
	struct nlmsghdr *nlh = begin(&b, NLD_MSG_ROUTE_GET, NLM_F_DUMP, 1);

	put(&b, NLD_A_OWNER, "nobody", 6);
	end(&b, nlh);
	if (send(fd, b.data, b.used, 0) < 0)
		die("dump");
}

static pid_t start(void (*ask)(int), int shared)
{
	pid_t child = fork();

	if (child)
		return child;
	ask(shared < 0 ? open_socket(NETLINK_NLD, 0) : shared);
	_exit(0);
}

static int ended(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	return status;
}

int main(int argc, char **argv)
{
	unsigned int records = argc > 1 ? atoi(argv[1]) : 0, killed, i;
	struct nlmsghdr *nlh = (struct nlmsghdr *)in.data;
	__u64 left = 0;
	int shared, error;
	pid_t child;

	if (records < 2000) {
		fprintf(stderr, "usage: turns RECORDS\n");
		return 2;
	}
	fd = open_socket(NETLINK_NLD, 0);
	if (fd < 0)
		die("socket");

	make_expiring();
	make(0, records, 0);
	ask_dump(fd);
	if (recv(fd, in.data, sizeof(in.data), 0) < 0 || nlh->nlmsg_type != NLMSG_DONE)
		die("a record that nobody owns: type %u", nlh->nlmsg_type);
	/* Killed at once and after ever longer: some of them in the walk. */
	for (killed = 0, i = 0; i < 40; i++) {
		child = start(ask_dump, -1);
		usleep(i * 500);
		kill(child, SIGKILL);
		killed += WIFSIGNALED(ended(child));
	}

	/* Killed in the middle: the counters can be read while it goes on, because it gives way. */
	while (!left) {
		shared = open_socket(NETLINK_NLD, 0);
		child = start(ask_flush, shared);
		while (counter(NLD_STATS_ROUTES4) == records)
			;
		kill(child, SIGKILL);
		ended(child);
		/* Who shares its socket is answered all the same, and does not wait for ever. */
		if (recv(shared, in.data, sizeof(in.data), MSG_DONTWAIT) < 0)
			die("a killed flush answered nothing");
		error = ((struct nlmsgerr *)NLMSG_DATA(nlh))->error;
		left = counter(NLD_STATS_ROUTES4);
		if (error != (left ? -ECANCELED : 0))
			die("a killed flush that left %llu records answered %d", left, error);
		close(shared);
		if (!left)
			make(0, records, 0);
	}
	ask_flush(fd);
	if (recv(fd, in.data, sizeof(in.data), 0) < 0 || ((struct nlmsgerr *)NLMSG_DATA(nlh))->error)
		die("the last flush");
	if (counter(NLD_STATS_ROUTES4) || counter(NLD_STATS_NODES) || counter(NLD_STATS_BYTES))
		die("something is left");
	printf("{\"records\": %u, \"dumps_killed\": %u, \"left_by_a_killed_flush\": %llu}\n", records, killed, left);
	return 0;
}
