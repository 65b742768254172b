// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two processes on one socket: one only sends, the other only receives
 *
 *	exchange REQUESTS
 *
 * The socket is made before the fork. The sender sends one request after the
 * other, each with the next sequence number, in rounds of four: create a
 * record, get it, create it again (refused), delete it. The receiver knows
 * from the sequence number alone what the answer must be, and takes exactly
 * one acknowledgement for each number, in order; a get's answer comes right
 * before its acknowledgement.
 *
 * So that the receive buffer never runs over, at most WINDOW requests are
 * without their acknowledgement: the receiver gives the sender a byte through
 * a pipe for each half of a window. Prints one JSON object.
 *
 * Exit status: 0 everything was as it has to be.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../kmod/uapi/nld.h"

#define WINDOW	128	/* of the smallest default buffer, with room */

enum step { CREATE, GET, CREATE_AGAIN, DELETE, STEPS };

static int fd;
static int credit[2];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static enum step step_of(__u32 seq)
{
	return (seq - 1) % STEPS;
}

/* The same prefix for the four steps of a round, another one in the next. */
static __u32 addr_of(__u32 seq)
{
	return htonl(0x0a000000 | ((seq - 1) / STEPS % 0xffffff));
}

static char *put(char *at, int type, const void *data, size_t len)
{
	struct nlattr *a = (struct nlattr *)at;

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memset(at + NLA_HDRLEN, 0, NLA_ALIGN(len));
	memcpy(at + NLA_HDRLEN, data, len);
	return at + NLA_ALIGN(a->nla_len);
}

static void send_one(__u32 seq)
{
	static const __u16 types[STEPS] = {
		NLD_MSG_ROUTE_NEW, NLD_MSG_ROUTE_GET, NLD_MSG_ROUTE_NEW, NLD_MSG_ROUTE_DEL,
	};
	static const __u8 blackhole = NLD_TYPE_BLACKHOLE;
	char message[128] __attribute__((aligned(4))) = { 0 };
	struct nlmsghdr *nlh = (struct nlmsghdr *)message;
	struct nldmsg *hdr = NLMSG_DATA(nlh);
	char *at = (char *)(hdr + 1);
	__u32 addr = addr_of(seq);

	nlh->nlmsg_type = types[step_of(seq)];
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = seq;
	hdr->family = AF_INET;
	hdr->dst_len = 32;
	at = put(at, NLD_A_DST, &addr, sizeof(addr));
	if (nlh->nlmsg_type == NLD_MSG_ROUTE_NEW) {
		nlh->nlmsg_flags |= NLM_F_CREATE;
		at = put(at, NLD_A_TYPE, &blackhole, sizeof(blackhole));
	}
	nlh->nlmsg_len = at - message;
	if (send(fd, message, nlh->nlmsg_len, 0) != (ssize_t)nlh->nlmsg_len)
		die("send");
}

static int sender(__u32 requests)
{
	__u32 seq;
	char byte;

	for (seq = 1; seq <= requests; seq++) {
		if (seq > WINDOW && seq % (WINDOW / 2) == 1 &&
		    read(credit[0], &byte, 1) != 1)
			die("read: the receiver is gone");
		send_one(seq);
	}
	return 0;
}

/* Returns what is wrong with it; NULL: nothing. */
static const char *check_answer(const struct nlmsghdr *nlh, __u32 next, int *answered)
{
	const struct nldmsg *hdr = NLMSG_DATA(nlh);
	const struct nlattr *dst = (const struct nlattr *)(hdr + 1);

	if (nlh->nlmsg_type != NLD_MSG_ROUTE_NEW || step_of(next) != GET)
		return "a message that nobody asked for";
	if ((*answered)++)
		return "a second answer";
	if (hdr->dst_len != 32 || dst->nla_type != NLD_A_DST ||
	    *(const __u32 *)(dst + 1) != addr_of(next))
		return "the answer to another question";
	return NULL;
}

static const char *check_ack(const struct nlmsghdr *nlh, __u32 next, int answered)
{
	const struct nlmsgerr *err = NLMSG_DATA(nlh);
	int expected = step_of(next) == CREATE_AGAIN ? -EEXIST : 0;

	if (err->msg.nlmsg_seq != next)
		return "an acknowledgement of another message";
	if (err->error != expected)
		return "another error than expected";
	if (answered != (step_of(next) == GET))
		return "an acknowledgement without the answer";
	return NULL;
}

static int receiver(__u32 requests)
{
	static char in[1 << 16] __attribute__((aligned(4)));
	__u32 next = 1;
	int answered = 0;

	while (next <= requests) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)in;
		ssize_t got = recv(fd, in, sizeof(in), 0);
		unsigned int len = got;

		if (got < 0)
			die("recv");
		for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			int ack = nlh->nlmsg_type == NLMSG_ERROR;
			const char *wrong;

			if (nlh->nlmsg_seq != next)
				wrong = "the sequence number is not the next";
			else if (ack)
				wrong = check_ack(nlh, next, answered);
			else
				wrong = check_answer(nlh, next, &answered);
			if (wrong) {
				fprintf(stderr, "at %u of %u: %s (type %u, sequence number %u)\n",
					next, requests, wrong, nlh->nlmsg_type, nlh->nlmsg_seq);
				return 1;
			}
			if (!ack)
				continue;
			if (next % (WINDOW / 2) == 0 && write(credit[1], "", 1) != 1)
				die("write");
			next++;
			answered = 0;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct timeval wait = { .tv_sec = 30 };
	struct timespec start, end;
	int status, on = 1;
	__u32 requests;
	double took;
	pid_t child;

	if (argc != 2) {
		fprintf(stderr, "usage: exchange REQUESTS\n");
		return 2;
	}
	requests = strtoul(argv[1], NULL, 0);

	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NLD);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)) || pipe(credit))
		die("connect");

	clock_gettime(CLOCK_MONOTONIC, &start);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		close(credit[1]);	/* then its read ends with us */
		return sender(requests);
	}
	/* The reading end stays open here: the last credits are for nobody. */
	status = receiver(requests);
	close(credit[1]);
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (status)
		return status;
	if (waitpid(child, &status, 0) != child || status)
		return 1;
	/* Nothing may be left: each request had exactly its answers. */
	if (recv(fd, &status, sizeof(status), MSG_DONTWAIT) >= 0 || errno != EAGAIN) {
		fprintf(stderr, "something is left in the socket\n");
		return 1;
	}

	took = end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9;
	printf("{\"requests\": %u, \"seconds\": %.2f, \"request_us\": %.2f}\n",
	       requests, took, took * 1e6 / requests);
	return 0;
}
