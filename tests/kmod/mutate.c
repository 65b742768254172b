// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invariant: whatever is sent to nld.ko, all that comes back is as uapi/nld.h
 * says, valid messages are still answered, and at the end the tables, their
 * counters and their generation agree with each other and go back to nothing.
 *
 *	mutate SEED MESSAGES THREADS
 *
 * Each thread makes valid messages of every type from few values, so that
 * they meet; spoils most of them (bits, lengths, types, flags, attributes cut,
 * copied, moved, from other messages); and sends them, several at once, from
 * sockets that are in the group or not, have tiny buffers, start dumps and
 * leave them half way. What a thread sends follows from SEED alone; how the
 * threads meet does not. Devices 100 to 103 come and go meanwhile.
 *
 * Exit status 0: the invariant held. The last line is JSON. With a word more
 * (plant) the program breaks the invariant on purpose, to show that it is
 * held: "reply" spoils an answer before it is looked at, "count" a counter.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "answers.h"
#include "links.h"
#include "spoil.h"

static unsigned long messages;
static const char *planted = "";

static atomic_ulong sent, mutated, answers, acks, errors, announcements;
static atomic_ulong dumps, dumps_dropped, overruns, refused_sends, device_turns;
static atomic_int stop;

struct thread {
	pthread_t thread;
	struct spoiler spoiler;
	unsigned long messages;
	__u32 seq;
};

/*
 * One datagram into @b; 0: none. What does not come from the kernel is
 * another thread's own message, and nothing is asked of it.
 */
static int receive(int fd, struct buffer *b, int flags)
{
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { b->data, sizeof(b->data) };
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t len;

	for (;;) {
		msg.msg_namelen = sizeof(from);
		len = recvmsg(fd, &msg, flags);
		if (len < 0 && errno == ENOBUFS) {
			overruns++;
			continue;
		}
		if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (len < 0)
			die("recvmsg");
		if (from.nl_groups)
			announcements++;
		if (!from.nl_pid)
			break;
	}
	b->used = len;
	return 1;
}

static void check_datagram(struct buffer *b, int extended, __u8 *answered, __u32 first)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)b->data;
	int len = b->used;

	if (!strcmp(planted, "reply") && nlh->nlmsg_type == NLD_MSG_ROUTE_NEW)
		b->data[NLMSG_HDRLEN] ^= 0x40;
	for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
		const char *wrong = check_message(nlh, extended);

		if (wrong)
			die("%s: type %u, flags %#x, length %u, sequence %u, error %d", wrong, nlh->nlmsg_type,
			    nlh->nlmsg_flags, nlh->nlmsg_len, nlh->nlmsg_seq, *(int *)NLMSG_DATA(nlh));
		if (nlh->nlmsg_type >= NLMSG_MIN_TYPE)
			answers++;
		else if (nlh->nlmsg_type == NLMSG_ERROR && ((struct nlmsgerr *)NLMSG_DATA(nlh))->error)
			errors++;
		else if (nlh->nlmsg_type == NLMSG_ERROR)
			acks++;
		if (answered && nlh->nlmsg_seq - first < 64)
			answered[nlh->nlmsg_seq - first] = 1;
	}
	if (len > 0)
		die("%d bytes behind the last message", len);
}

/* A thread's turns */

static int thread_socket(struct random *r, int *extended)
{
	int fd = socket(AF_NETLINK, (below(r, 2) ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC, NETLINK_NLD);

	if (fd < 0)
		die("socket");
	*extended = below(r, 4) != 0;
	set(fd, SOL_NETLINK, NETLINK_EXT_ACK, *extended);
	if (below(r, 2))
		set(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
	if (below(r, 2))
		set(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	if (!below(r, 3))
		set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NLD_GROUP_ROUTE);
	if (!below(r, 8))
		set(fd, SOL_NETLINK, NETLINK_BROADCAST_ERROR, 1);
	if (!below(r, 3))
		set(fd, SOL_SOCKET, SO_RCVBUFFORCE, 1024 << below(r, 5));
	return fd;
}

static void send_out(struct thread *t, int fd, struct buffer *b, int number)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	struct iovec iov[2] = { { b->data, b->used }, { NULL, 0 } };
	struct msghdr msg = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = 1 };
	struct random *r = &t->spoiler.random;

	if (b->used > 2 && !below(r, 8)) {
		iov[0].iov_len = below(r, b->used);
		iov[1].iov_base = b->data + iov[0].iov_len;
		iov[1].iov_len = b->used - iov[0].iov_len;
		msg.msg_iovlen = 2;
	}
	/* Root may also write to the group itself, past the module. */
	if (!below(r, 500))
		to.nl_groups = 1;
	sent += number;
	t->messages -= t->messages < (unsigned int)number ? t->messages : (unsigned int)number;
	if (sendmsg(fd, &msg, MSG_DONTWAIT) < 0)
		refused_sends++;
}

/* Messages of which most are spoiled; the answers are read or left. */
static void turn_spoiled(struct thread *t, int fd, int extended, struct buffer *in)
{
	struct random *r = &t->spoiler.random;
	int i, n = 1 + below(r, 16), m;

	t->spoiler.out.used = 0;
	for (i = 0; i < n && t->spoiler.out.used < sizeof(t->spoiler.out.data) / 2; i++) {
		struct nlmsghdr *nlh = below(r, 12) ? valid(r, &t->spoiler.out, ++t->seq) : valid_dump(r, &t->spoiler.out, ++t->seq);

		remember(&t->spoiler, nlh);
		m = below(r, 4);
		mutated += !!m;
		for (; m && t->spoiler.out.used < sizeof(t->spoiler.out.data) / 2; m--)
			spoil(&t->spoiler, nlh);
		t->spoiler.out.used = NLMSG_ALIGN(t->spoiler.out.used);
	}
	send_out(t, fd, &t->spoiler.out, i);
	if (below(r, 8))
		while (receive(fd, in, MSG_DONTWAIT))
			check_datagram(in, extended, NULL, 0);
}

/* Valid messages on a socket with room: each must be answered. */
static void turn_valid(struct thread *t, int fd, struct buffer *in)
{
	__u8 answered[64] = { 0 };
	__u32 first = t->seq + 1;
	int i, n = 1 + below(&t->spoiler.random, 16);

	t->spoiler.out.used = 0;
	for (i = 0; i < n; i++) {
		struct nlmsghdr *nlh = valid(&t->spoiler.random, &t->spoiler.out, ++t->seq);

		nlh->nlmsg_flags |= NLM_F_ACK;
	}
	sent += n;
	t->messages -= t->messages < (unsigned int)n ? t->messages : (unsigned int)n;
	if (send(fd, t->spoiler.out.data, t->spoiler.out.used, 0) < 0)
		die("a valid message cannot be sent");
	while (receive(fd, in, MSG_DONTWAIT))
		check_datagram(in, 1, answered, first);
	for (i = 0; i < n; i++)
		if (!answered[i])
			die("valid message %u of %u was not answered", i, n);
}

/* Read or replace what everybody reads and replaces. */
static void turn_hot(struct thread *t, int fd, struct buffer *in)
{
	int i, n = 8, write = below(&t->spoiler.random, 2);

	t->spoiler.out.used = 0;
	for (i = 0; i < n; i++)
		valid_hot(&t->spoiler.random, &t->spoiler.out, ++t->seq, write);
	sent += n;
	t->messages -= t->messages < (unsigned int)n ? t->messages : (unsigned int)n;
	if (send(fd, t->spoiler.out.data, t->spoiler.out.used, 0) < 0)
		die("a valid message cannot be sent");
	while (receive(fd, in, MSG_DONTWAIT))
		check_datagram(in, 1, NULL, 0);
}

/* A dump, read to its end or left after some parts. */
static void turn_dump(struct thread *t, struct buffer *in)
{
	struct random *r = &t->spoiler.random;
	int fd = open_socket(NETLINK_NLD, 0), parts = below(r, 2) ? -1 : (int)below(r, 4);
	struct nlmsghdr *nlh;

	if (fd < 0)
		die("socket");
	if (below(r, 2))
		set(fd, SOL_SOCKET, SO_RCVBUFFORCE, 4096);
	t->spoiler.out.used = 0;
	valid_dump(r, &t->spoiler.out, ++t->seq);
	sent++;
	t->messages -= !!t->messages;
	dumps++;
	if (send(fd, t->spoiler.out.data, t->spoiler.out.used, 0) < 0)
		die("a dump cannot be sent");
	for (; parts; parts--) {
		if (!receive(fd, in, 0))
			die("a dump says nothing");
		check_datagram(in, 1, NULL, 0);
		nlh = (struct nlmsghdr *)in->data;
		if (!(nlh->nlmsg_flags & NLM_F_MULTI) || nlh->nlmsg_type == NLMSG_DONE)
			break;
		/* The end may share a datagram with records. */
		for (int len = in->used; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len))
			if (nlh->nlmsg_type == NLMSG_DONE)
				goto out;
	}
	dumps_dropped += !parts;
out:
	close(fd);
}

static void turn_legacy(struct thread *t)
{
	struct random *r = &t->spoiler.random;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 25), i;

	if (fd < 0)
		return;		/* greet_protocol is off */
	t->spoiler.out.used = 0;
	begin(&t->spoiler.out, 0, 0, ++t->seq)->nlmsg_flags = 0;
	for (i = below(r, 64); i; i--)
		t->spoiler.out.data[t->spoiler.out.used++] = rnd(r);
	end(&t->spoiler.out, (struct nlmsghdr *)t->spoiler.out.data);
	if (below(r, 2))
		t->spoiler.out.data[below(r, t->spoiler.out.used)] ^= 1 << below(r, 8);
	if (!below(r, 4))
		t->spoiler.out.used = below(r, t->spoiler.out.used);
	send_out(t, fd, &t->spoiler.out, 1);
	close(fd);
}

static void *thread_main(void *data)
{
	struct thread *t = data;
	struct random *r = &t->spoiler.random;
	struct buffer *in = malloc(sizeof(*in));
	int valid_fd = open_socket(NETLINK_NLD, 0), fd, extended;

	if (!in || valid_fd < 0)
		die("a thread's socket");
	set(valid_fd, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20);
	fd = thread_socket(r, &extended);
	while (t->messages) {
		switch (below(r, 32)) {
		case 0:
			close(fd);
			fd = thread_socket(r, &extended);
			break;
		case 1:
			setsockopt(fd, SOL_NETLINK, below(r, 2) ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP,
				   &(int){ below(r, 3) }, sizeof(int));
			break;
		case 2:
		case 3:
			turn_dump(t, in);
			break;
		case 4:
			turn_legacy(t);
			break;
		case 5: case 6: case 7: case 8: case 9: case 10:
			turn_valid(t, valid_fd, in);
			break;
		case 11: case 12: case 13: case 14: case 15:
			turn_hot(t, valid_fd, in);
			break;
		default:
			turn_spoiled(t, fd, extended, in);
		}
	}
	close(fd);
	close(valid_fd);
	free(in);
	return NULL;
}

static void *devices_main(void *unused)
{
	int i;

	(void)unused;
	while (!stop) {
		for (i = 0; i < DEVICES && !stop; i++) {
			link_add(FIRST_DEVICE + i, 0);
			usleep(100000);
			link_delete(FIRST_DEVICE + (i + 2) % DEVICES);
			device_turns++;
		}
	}
	for (i = 0; i < DEVICES; i++)
		link_delete(FIRST_DEVICE + i);
	return NULL;
}

/* The end: what the tables, the counters and the generation say of each other */

static __u64 counter[NLD_STATS_MAX + 1];

static struct nlmsghdr *ask(int fd, struct buffer *b, struct buffer *in)
{
	if (send(fd, b->data, b->used, 0) < 0)
		die("send");
	if (!receive(fd, in, 0))
		die("no answer");
	check_datagram(in, 1, NULL, 0);
	return (struct nlmsghdr *)in->data;
}

static void read_counters(int fd, struct buffer *b, struct buffer *in)
{
	const struct nlattr *tb[NLD_STATS_MAX + 1];
	struct nlmsghdr *nlh;
	int i;

	b->used = 0;
	end(b, begin(b, NLD_MSG_STATS, 0, 1));
	nlh = ask(fd, b, in);
	if (nlh->nlmsg_type != NLD_MSG_STATS || message_attributes(nlh, tb, NLD_STATS_MAX))
		die("no counters");
	for (i = NLD_STATS_GENERATION; i <= NLD_STATS_MAX; i++)
		counter[i] = at_u64(tb[i]);
	if (!strcmp(planted, "count"))
		counter[NLD_STATS_CREATED]++;
	if (counter[NLD_STATS_GENERATION] !=
	    1 + counter[NLD_STATS_CREATED] + counter[NLD_STATS_REPLACED] + counter[NLD_STATS_DELETED])
		die("the generation is not the number of changes");
	if (counter[NLD_STATS_CREATED] - counter[NLD_STATS_DELETED] !=
	    counter[NLD_STATS_ROUTES4] + counter[NLD_STATS_ROUTES6])
		die("what was created and not deleted is not there");
}

/* Each record of a dump is found again by its key, and by a lookup of its own prefix. */
static unsigned long check_tables(int fd, struct buffer *b, struct buffer *in)
{
	struct buffer *got = malloc(sizeof(*got));
	int dump = open_socket(NETLINK_NLD, 0);
	unsigned long seen = 0;

	if (!got || dump < 0)
		die("a dump's socket");
	b->used = 0;
	end(b, begin(b, NLD_MSG_ROUTE_GET, NLM_F_DUMP, 2));
	if (send(dump, b->data, b->used, 0) < 0)
		die("send");
	for (;;) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)got->data;
		int len;

		if (!receive(dump, got, 0))
			die("a dump says nothing");
		check_datagram(got, 1, NULL, 0);
		for (len = got->used; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			const struct nlattr *tb[NLD_A_MAX + 1], *found[NLD_A_MAX + 1];
			struct nlmsghdr *one;

			if (nlh->nlmsg_type == NLMSG_DONE)
				goto out;
			if (nlh->nlmsg_type != NLD_MSG_ROUTE_NEW)
				die("the last dump failed");
			seen++;
			message_attributes(nlh, tb, NLD_A_MAX);
			b->used = 0;
			one = begin(b, NLD_MSG_ROUTE_GET, 0, 3);
			*head(one) = *head(nlh);
			if (tb[NLD_A_DST])
				put(b, NLD_A_DST, at_data(tb[NLD_A_DST]), at_len(tb[NLD_A_DST]));
			put_u32(b, NLD_A_TABLE, at_u32(tb[NLD_A_TABLE]));
			put_u32(b, NLD_A_METRIC, at_u32(tb[NLD_A_METRIC]));
			end(b, one);
			one = ask(fd, b, in);
			if (one->nlmsg_type != NLD_MSG_ROUTE_NEW) {
				if (!tb[NLD_A_EXPIRES])
					die("a record of the dump is not found");
				continue;
			}
			message_attributes(one, found, NLD_A_MAX);
			if (at_u64(found[NLD_A_GENERATION]) != at_u64(tb[NLD_A_GENERATION]))
				die("a get and a dump differ");
		}
	}
out:
	close(dump);
	free(got);
	return seen;
}

static void check_end(void)
{
	static struct buffer b, in;
	int fd = open_socket(NETLINK_NLD, 0);
	unsigned long seen, again;
	struct nlmsghdr *nlh;

	if (fd < 0)
		die("socket");
	/* Some records still expire, so it is asked until nothing changed meanwhile. */
	for (again = 0;; again++) {
		__u64 generation;

		read_counters(fd, &b, &in);
		generation = counter[NLD_STATS_GENERATION];
		seen = check_tables(fd, &b, &in);
		read_counters(fd, &b, &in);
		if (counter[NLD_STATS_GENERATION] == generation)
			break;
		if (again > 100)
			die("the tables never stand still");
		usleep(100000);
	}
	if (seen != counter[NLD_STATS_ROUTES4] + counter[NLD_STATS_ROUTES6])
		die("a dump has %lu records, the counters say %llu", seen,
		    counter[NLD_STATS_ROUTES4] + counter[NLD_STATS_ROUTES6]);

	b.used = 0;
	end(&b, begin(&b, NLD_MSG_FLUSH, NLM_F_ACK, 4));
	nlh = ask(fd, &b, &in);
	if (nlh->nlmsg_type != NLMSG_ERROR || ((struct nlmsgerr *)NLMSG_DATA(nlh))->error)
		die("the last flush failed");
	read_counters(fd, &b, &in);
	if (counter[NLD_STATS_ROUTES4] || counter[NLD_STATS_ROUTES6] || counter[NLD_STATS_NODES] ||
	    counter[NLD_STATS_BYTES])
		die("after a flush: %llu IPv4, %llu IPv6, %llu nodes, %llu bytes", counter[NLD_STATS_ROUTES4],
		    counter[NLD_STATS_ROUTES6], counter[NLD_STATS_NODES], counter[NLD_STATS_BYTES]);
	printf("{\"sent\": %lu, \"mutated\": %lu, \"answers\": %lu, \"acks\": %lu, \"errors\": %lu, ", sent, mutated,
	       answers, acks, errors);
	printf("\"announcements\": %lu, \"dumps\": %lu, \"dumps_dropped\": %lu, \"overruns\": %lu, ", announcements,
	       dumps, dumps_dropped, overruns);
	printf("\"refused_sends\": %lu, \"device_turns\": %lu, \"records_at_end\": %lu, \"generation\": %llu, ",
	       refused_sends, device_turns, seen, counter[NLD_STATS_GENERATION]);
	printf("\"created\": %llu, \"replaced\": %llu, \"expired\": %llu, \"lost_device\": %llu}\n",
	       counter[NLD_STATS_CREATED], counter[NLD_STATS_REPLACED], counter[NLD_STATS_EXPIRED],
	       counter[NLD_STATS_DEVICE]);
	close(fd);
}

int main(int argc, char **argv)
{
	struct thread *threads;
	pthread_t devices;
	unsigned long seed;
	int i, number, held;

	if (argc < 4) {
		fprintf(stderr, "usage: mutate SEED MESSAGES THREADS [reply|count]\n");
		return 2;
	}
	seed = strtoul(argv[1], NULL, 0);
	messages = strtoul(argv[2], NULL, 0);
	number = atoi(argv[3]);
	if (argc > 4)
		planted = argv[4];
	/* From this line on the module cannot go. */
	held = open_socket(NETLINK_NLD, 0);
	if (held < 0)
		die("socket");
	printf("seed %lu\n", seed);
	fflush(stdout);

	threads = calloc(number, sizeof(*threads));
	if (!threads || pthread_create(&devices, NULL, devices_main, NULL))
		die("a thread");
	for (i = 0; i < number; i++) {
		threads[i].spoiler.random.state = (seed + 1) * 0x9e3779b97f4a7c15ULL + (i + 1) * 0xd1342543de82ef95ULL;
		threads[i].messages = messages / number;
		threads[i].seq = (i + 1) << 24;
		if (pthread_create(&threads[i].thread, NULL, thread_main, &threads[i]))
			die("a thread");
	}
	for (i = 0; i < number; i++)
		pthread_join(threads[i].thread, NULL);
	stop = 1;
	pthread_join(devices, NULL);
	check_end();
	close(held);
	return 0;
}
