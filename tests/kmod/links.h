/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that come and go, with the indexes that the caller chooses: made,
 * removed and moved over NETLINK_ROUTE.
 */
#ifndef NLD_TEST_LINKS_H
#define NLD_TEST_LINKS_H

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "wire.h"

/*
 * Sends one message and returns the kernel's answer, 0 or an errno: ENOMEM if
 * it was never sent, ENOBUFS if the answer was lost.
 */
static inline int link_ask(struct buffer *b)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)b->data;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	char in[8192];
	int error;

	if (fd < 0)
		return ENOMEM;
	nlh->nlmsg_len = b->used;
	if (send(fd, b->data, b->used, 0) < 0)
		error = ENOMEM;
	else if (recv(fd, in, sizeof(in), 0) < 0)
		error = errno;
	else
		error = -((struct nlmsgerr *)NLMSG_DATA((struct nlmsghdr *)in))->error;
	close(fd);
	return error;
}

static inline void link_begin(struct buffer *b, int type, int flags, int index)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)b->data;
	struct ifinfomsg *link = NLMSG_DATA(nlh);

	b->used = NLMSG_SPACE(sizeof(*link));
	memset(nlh, 0, b->used);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	link->ifi_index = index;
}

/* A dummy, or with @peer a veth whose other end has that index. */
static inline int link_add(int index, int peer)
{
	const char *kind = peer ? "veth" : "dummy";
	struct nlattr *info, *data, *other;
	struct ifinfomsg end = { .ifi_index = peer };
	struct buffer *b = malloc(sizeof(*b));
	char name[16];
	int error;

	link_begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, index);
	put(b, IFLA_IFNAME, name, 1 + snprintf(name, sizeof(name), "t%d", index));
	info = nest(b, IFLA_LINKINFO);
	put(b, IFLA_INFO_KIND, kind, strlen(kind) + 1);
	if (peer) {
		data = nest(b, IFLA_INFO_DATA);
		other = nest(b, VETH_INFO_PEER);
		memcpy(b->data + b->used, &end, sizeof(end));
		b->used += NLMSG_ALIGN(sizeof(end));
		put(b, IFLA_IFNAME, name, 1 + snprintf(name, sizeof(name), "t%d", peer));
		nest_end(b, other);
		nest_end(b, data);
	}
	nest_end(b, info);
	error = link_ask(b);
	free(b);
	return error;
}

static inline int link_delete(int index)
{
	struct buffer *b = malloc(sizeof(*b));
	int error;

	link_begin(b, RTM_DELLINK, 0, index);
	error = link_ask(b);
	free(b);
	return error;
}

/* Into the namespace that the descriptor is of. */
static inline int link_move(int index, int namespace)
{
	struct buffer *b = malloc(sizeof(*b));
	int error;

	link_begin(b, RTM_NEWLINK, 0, index);
	put_u32(b, IFLA_NET_NS_FD, namespace);
	error = link_ask(b);
	free(b);
	return error;
}

#endif
