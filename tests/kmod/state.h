/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One request at a time, and what is there before and after it: the records,
 * the counters, and what listeners were told.
 */
#ifndef NLD_TEST_STATE_H
#define NLD_TEST_STATE_H

#include "answers.h"

#define LOST		1	/* no answer, but the socket told so */

static int request_fd, listener_fd[2], listeners;
static struct buffer out, in;
static __u32 seq;

static struct nlmsghdr *begin_request(int type, int flags)
{
	out.used = 0;
	return begin(&out, type, NLM_F_ACK | flags, ++seq);
}

static void put_prefix(struct nlmsghdr *nlh, const char *address, int len)
{
	struct in6_addr addr;
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, address, &addr) != 1)
		die("%s", address);
	head(nlh)->family = family;
	head(nlh)->dst_len = len;
	if (len)
		put(&out, NLD_A_DST, &addr, family == AF_INET ? 4 : 16);
}

static void put_address(int type, const char *address)
{
	struct in6_addr addr;
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;

	inet_pton(family, address, &addr);
	put(&out, type, &addr, family == AF_INET ? 4 : 16);
}

static void put_hops(int number, int device)
{
	struct nlattr *list = nest(&out, NLD_A_NEXTHOPS);
	int i;

	for (i = 0; i < number; i++) {
		struct nlattr *entry = nest(&out, NLD_NH_ENTRY);

		put_address(NLD_NH_GATEWAY, "2001:db8::1");
		put_u32(&out, NLD_NH_OIF, i % 2 ? 1 : device);
		nest_end(&out, entry);
	}
	nest_end(&out, list);
}

/*
 * One datagram; 0: none. *lost is set when the socket tells of a loss. The
 * buffer is no larger than a dump's part must be, because for a larger one
 * the kernel tries twice to get memory.
 */
static int receive(int fd, int *lost)
{
	ssize_t len;

	for (;;) {
		len = recv(fd, in.data, 4096, MSG_DONTWAIT);
		if (len >= 0)
			break;
		if (errno != ENOBUFS)
			return 0;
		*lost = 1;
	}
	in.used = len;
	return 1;
}

/*
 * Send what is in the buffer and read all answers. Returns 0, an error as a
 * negative errno, or LOST. @wanted: the type that must come before an ack of
 * success, 0: none.
 */
static int transact(int fd, int wanted)
{
	int result = -EINPROGRESS, lost = 0, seen = 0, len;

	if (send(fd, out.data, out.used, 0) < 0)
		return errno == ENOBUFS ? -ENOMEM : -errno;
	while (receive(fd, &lost)) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)in.data;

		for (len = in.used; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			const char *wrong = nlh->nlmsg_type >= NLMSG_MIN_TYPE ? check_message(nlh, 1) : NULL;

			if (wrong)
				die("%s", wrong);
			if (nlh->nlmsg_type == NLMSG_ERROR)
				result = ((struct nlmsgerr *)NLMSG_DATA(nlh))->error;
			else if (nlh->nlmsg_type == NLMSG_DONE)
				result = *(int *)NLMSG_DATA(nlh);
			seen |= nlh->nlmsg_type == wanted;
		}
	}
	if (lost)
		return LOST;
	if (result == -EINPROGRESS)
		die("no answer, and no word of a loss");
	if (!result && wanted && !seen)
		die("success without the answer");
	return result;
}

static int request_wanting(int wanted)
{
	return transact(request_fd, wanted);
}

static int request(void)
{
	return request_wanting(0);
}

static void must(void)
{
	int result = request();

	if (result)
		die("a request without injected failures ended with %d", result);
}

/* What is there */

struct state {
	__u64 generation, routes, bytes;
	unsigned long seen;
	size_t used;
	char data[1 << 17];
};

static struct state before, expected, now;

static void take_counters(struct state *s)
{
	const struct nlattr *tb[NLD_STATS_MAX + 1];
	__u64 created, replaced, deleted;
	struct nlmsghdr *nlh = begin_request(NLD_MSG_STATS, 0);
	int lost = 0;

	nlh->nlmsg_flags = NLM_F_REQUEST;
	end(&out, nlh);
	if (send(request_fd, out.data, out.used, 0) < 0 || !receive(request_fd, &lost))
		die("no counters");
	nlh = (struct nlmsghdr *)in.data;
	if (nlh->nlmsg_type != NLD_MSG_STATS || message_attributes(nlh, tb, NLD_STATS_MAX))
		die("no counters but type %u", nlh->nlmsg_type);
	s->generation = at_u64(tb[NLD_STATS_GENERATION]);
	s->routes = at_u64(tb[NLD_STATS_ROUTES4]) + at_u64(tb[NLD_STATS_ROUTES6]);
	s->bytes = at_u64(tb[NLD_STATS_BYTES]) + at_u64(tb[NLD_STATS_NODES]);
	created = at_u64(tb[NLD_STATS_CREATED]);
	replaced = at_u64(tb[NLD_STATS_REPLACED]);
	deleted = at_u64(tb[NLD_STATS_DELETED]);
	if (s->generation != 1 + created + replaced + deleted || s->routes != created - deleted)
		die("the counters disagree");
}

/* All records, as a dump has them, without what depends on the time. */
static void take_state(struct state *s)
{
	int fd = open_socket(NETLINK_NLD, 0), len, lost = 0;
	struct nlmsghdr *nlh = begin_request(NLD_MSG_ROUTE_GET, NLM_F_DUMP);

	if (fd < 0)
		die("socket");
	take_counters(s);
	s->used = s->seen = 0;
	out.used = 0;
	nlh = begin(&out, NLD_MSG_ROUTE_GET, NLM_F_DUMP, ++seq);
	end(&out, nlh);
	if (send(fd, out.data, out.used, 0) < 0)
		die("dump");
	while (receive(fd, &lost)) {
		nlh = (struct nlmsghdr *)in.data;
		for (len = in.used; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			const struct nlattr *tb[NLD_A_MAX + 1];
			const char *wrong = check_message(nlh, 1);
			int i;

			if (wrong || lost)
				die("a dump: %s", wrong ? wrong : "lost");
			if (nlh->nlmsg_type == NLMSG_DONE)
				goto out;
			s->seen++;
			message_attributes(nlh, tb, NLD_A_MAX);
			memcpy(s->data + s->used, NLMSG_DATA(nlh), sizeof(struct nldmsg));
			s->used += sizeof(struct nldmsg);
			for (i = 1; i <= NLD_A_MAX; i++) {
				if (!tb[i] || i == NLD_A_GENERATION || i == NLD_A_AS_OF || i == NLD_A_PAD)
					continue;
				if (s->used + tb[i]->nla_len > sizeof(s->data))
					die("too many records");
				memcpy(s->data + s->used, tb[i], tb[i]->nla_len);
				if (i == NLD_A_EXPIRES)
					s->data[s->used + 4] = 0;
				s->used += tb[i]->nla_len;
			}
		}
	}
	die("a dump has no end");
out:
	close(fd);
	if (s->seen != s->routes)
		die("a dump of %lu records, and counters of %llu", s->seen, s->routes);
}

static int same(const struct state *a, const struct state *b)
{
	return a->used == b->used && !memcmp(a->data, b->data, a->used) && a->bytes == b->bytes;
}

/* Each listener has all announcements between the generations, or was told of a loss. */
static int check_listeners(__u64 from, __u64 to)
{
	int i, told = 0;

	for (i = 0; i < listeners; i++) {
		__u64 last = from;
		int lost = 0;

		while (receive(listener_fd[i], &lost)) {
			struct nlmsghdr *nlh = (struct nlmsghdr *)in.data;
			const struct nlattr *tb[NLD_A_MAX + 1];

			if (check_message(nlh, 1) || message_attributes(nlh, tb, NLD_A_MAX))
				die("a wrong announcement");
			if (at_u64(tb[NLD_A_GENERATION]) <= last)
				die("an announcement comes twice, or late");
			if (at_u64(tb[NLD_A_GENERATION]) != ++last && !lost)
				die("a gap before generation %llu, and no word of it", at_u64(tb[NLD_A_GENERATION]));
			last = at_u64(tb[NLD_A_GENERATION]);
		}
		if (last != to && !lost)
			die("generation %llu was not announced, %llu was the last, and no word of it", to, last);
		told += lost;
	}
	return told;
}

#endif
