// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that knows nothing of nld: it says Hello to a netlink protocol
 * number, from a socket that it never binds, and prints what comes back.
 *
 *	greet_legacy [PROTOCOL [PID]]
 *
 * PROTOCOL is 25 unless given. PID is what it claims in nlmsg_pid, its own
 * unless given; the module must answer this socket whatever is claimed.
 *
 * Exit status: 0 a reply was printed, 1 an error was, 2 no reply in 5 s.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_PAYLOAD 1024

int main(int argc, char **argv)
{
	int protocol = argc > 1 ? atoi(argv[1]) : 25;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct timeval wait = { .tv_sec = 5 };
	struct nlmsghdr *nlh;
	struct iovec iov;
	struct msghdr msg = {
		.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t len;
	int fd;

	fd = socket(AF_NETLINK, SOCK_RAW, protocol);
	if (fd < 0) {
		perror("socket");
		return 1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));

	nlh = calloc(1, NLMSG_SPACE(MAX_PAYLOAD));
	if (!nlh) {
		perror("calloc");
		return 1;
	}
	nlh->nlmsg_len = NLMSG_SPACE(MAX_PAYLOAD);
	nlh->nlmsg_pid = argc > 2 ? (__u32)strtoul(argv[2], NULL, 0) : (__u32)getpid();
	memcpy(NLMSG_DATA(nlh), "Hello", sizeof("Hello"));
	iov.iov_base = nlh;
	iov.iov_len = nlh->nlmsg_len;
	if (sendmsg(fd, &msg, 0) < 0) {
		perror("sendmsg");
		return 1;
	}

	memset(nlh, 0, NLMSG_SPACE(MAX_PAYLOAD));
	iov.iov_len = NLMSG_SPACE(MAX_PAYLOAD);
	len = recvmsg(fd, &msg, 0);
	if (len < 0) {
		int none = errno == EAGAIN;

		perror("recvmsg");
		return none ? 2 : 1;
	}
	if (!NLMSG_OK(nlh, len) || nlh->nlmsg_type != NLMSG_DONE || kernel.nl_pid) {
		fprintf(stderr, "unexpected reply: %zd bytes, type %u, from port %u\n",
			len, nlh->nlmsg_type, kernel.nl_pid);
		return 1;
	}
	printf("%s\n", (char *)NLMSG_DATA(nlh));
	close(fd);
	free(nlh);
	return 0;
}
