/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages to and from nld.ko, for the programs beside this file: built in a
 * buffer one behind the other, sent, and read back as attributes.
 */
#ifndef NLD_TEST_WIRE_H
#define NLD_TEST_WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../kmod/uapi/nld.h"

#define HEAD_LEN	(NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nldmsg)))

struct buffer {
	size_t used;
	char data[1 << 16] __attribute__((aligned(8)));
};

/* What the program is at, for a message. */
static char doing[64] __attribute__((unused));

__attribute__((noreturn, format(printf, 1, 2)))
static inline void die(const char *format, ...)
{
	int error = errno;
	va_list list;

	va_start(list, format);
	fprintf(stderr, "FAILED: %s%s", doing, *doing ? ": " : "");
	vfprintf(stderr, format, list);
	fprintf(stderr, " (errno %d, %s)\n", error, strerror(error));
	va_end(list);
	exit(1);
}

static inline struct nlmsghdr *begin(struct buffer *b, int type, int flags, __u32 seq)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)(b->data + b->used);

	memset(nlh, 0, HEAD_LEN);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = seq;
	b->used += HEAD_LEN;
	return nlh;
}

static inline struct nldmsg *head(struct nlmsghdr *nlh)
{
	return NLMSG_DATA(nlh);
}

static inline void end(struct buffer *b, struct nlmsghdr *nlh)
{
	nlh->nlmsg_len = b->data + b->used - (char *)nlh;
}

static inline struct nlattr *put(struct buffer *b, int type, const void *data, size_t len)
{
	struct nlattr *at = (struct nlattr *)(b->data + b->used);

	memset(at, 0, NLA_HDRLEN + NLA_ALIGN(len));
	at->nla_type = type;
	at->nla_len = NLA_HDRLEN + len;
	if (len)
		memcpy((char *)at + NLA_HDRLEN, data, len);
	b->used += NLA_ALIGN(at->nla_len);
	return at;
}

static inline void put_u8(struct buffer *b, int type, __u8 value)
{
	put(b, type, &value, sizeof(value));
}

static inline void put_u16(struct buffer *b, int type, __u16 value)
{
	put(b, type, &value, sizeof(value));
}

static inline void put_u32(struct buffer *b, int type, __u32 value)
{
	put(b, type, &value, sizeof(value));
}

static inline void put_u64(struct buffer *b, int type, __u64 value)
{
	put(b, type, &value, sizeof(value));
}

static inline struct nlattr *nest(struct buffer *b, int type)
{
	return put(b, type | NLA_F_NESTED, NULL, 0);
}

static inline void nest_end(struct buffer *b, struct nlattr *at)
{
	at->nla_len = b->data + b->used - (char *)at;
}

static inline int at_type(const struct nlattr *at)
{
	return at->nla_type & NLA_TYPE_MASK;
}

static inline int at_len(const struct nlattr *at)
{
	return at->nla_len - NLA_HDRLEN;
}

static inline const void *at_data(const struct nlattr *at)
{
	return (const char *)at + NLA_HDRLEN;
}

static inline __u32 at_u32(const struct nlattr *at)
{
	__u32 value;

	memcpy(&value, at_data(at), sizeof(value));
	return value;
}

static inline __u64 at_u64(const struct nlattr *at)
{
	__u64 value;

	memcpy(&value, at_data(at), sizeof(value));
	return value;
}

/* The attributes of @len bytes into tb[0..max]; returns what is wrong, or NULL. */
static inline const char *attributes(const void *data, int len, const struct nlattr **tb, int max)
{
	const struct nlattr *at = data;

	memset(tb, 0, (max + 1) * sizeof(*tb));
	while (len > 0) {
		if (len < NLA_HDRLEN || at->nla_len < NLA_HDRLEN || at->nla_len > len)
			return "an attribute does not fit into its message";
		if (at_type(at) > max)
			return "an attribute is not in the contract";
		tb[at_type(at)] = at;
		len -= NLA_ALIGN(at->nla_len);
		at = (const struct nlattr *)((const char *)at + NLA_ALIGN(at->nla_len));
	}
	return NULL;
}

static inline const char *message_attributes(const struct nlmsghdr *nlh, const struct nlattr **tb, int max)
{
	memset(tb, 0, (max + 1) * sizeof(*tb));
	if (nlh->nlmsg_len < HEAD_LEN)
		return "a message is shorter than its header";
	return attributes((const char *)nlh + HEAD_LEN, nlh->nlmsg_len - HEAD_LEN, tb, max);
}

static inline void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		die("setsockopt %d", option);
}

/* Bound, because a socket without a port number hears nothing of its groups. */
static inline int open_socket(int protocol, int group)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		close(fd);
		return -1;
	}
	set(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	if (group)
		set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
	return fd;
}

#endif
