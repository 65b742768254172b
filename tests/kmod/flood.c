// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends small packets as fast as it can, and says how long one takes
 *
 *	flood 4|6 ADDRESS PORT PACKETS
 *
 * Between namespaces of one machine a packet goes all its way in the sender's
 * time, so this is the cost of all hosts on the way. Prints a JSON object.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct mmsghdr list[BATCH];
	static char data[18]; /* the smallest frame */
	struct iovec part = { data, sizeof(data) };
	long left, packets;
	double began;
	int six, fd;

	if (argc != 5)
		return 2;
	six = argv[1][0] == '6';
	to6.sin6_port = to4.sin_port = htons(atoi(argv[3]));
	packets = atol(argv[4]);
	if (inet_pton(six ? AF_INET6 : AF_INET, argv[2],
		      six ? (void *)&to6.sin6_addr : (void *)&to4.sin_addr) != 1)
		return 2;
	fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, six ? (struct sockaddr *)&to6 : (struct sockaddr *)&to4,
			      six ? sizeof(to6) : sizeof(to4)))
		die("connect");
	memset(list, 0, sizeof(list));
	for (int i = 0; i < BATCH; i++) {
		list[i].msg_hdr.msg_iov = &part;
		list[i].msg_hdr.msg_iovlen = 1;
	}
	began = now();
	for (left = packets; left > 0;) {
		int sent = sendmmsg(fd, list, left < BATCH ? left : BATCH, 0);

		if (sent < 0)
			die("send");
		left -= sent;
	}
	printf("{\"packet_us\": %.3f}\n", (now() - began) * 1e6 / packets);
	return 0;
}
