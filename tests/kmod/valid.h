/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Valid messages of every type to nld.ko, made from few values, so that
 * their prefixes nest, collide and fork, and their devices come and go.
 */
#ifndef NLD_TEST_VALID_H
#define NLD_TEST_VALID_H

#include "wire.h"

/* Devices FIRST_DEVICE and up are there or not; 1 (lo) always is. */
#define DEVICES		4
#define FIRST_DEVICE	100

struct random { __u64 state; };

static inline __u32 rnd(struct random *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return r->state >> 16;
}

static inline __u32 below(struct random *r, __u32 n)
{
	return rnd(r) % n;
}

static inline void random_address(struct random *r, int family, int len, __u8 *address)
{
	int bytes = family == AF_INET ? 4 : 16, i;

	for (i = 0; i < 16; i++)
		address[i] = 0;
	address[0] = family == AF_INET ? 10 : 0x20;
	address[1] = below(r, 4);
	address[2] = below(r, 4);
	address[bytes - 1] = below(r, 8);
	for (i = len; i < bytes * 8; i++)
		address[i / 8] &= ~(0x80 >> i % 8);
}

static inline int random_len(struct random *r, int family)
{
	static const int lens4[] = { 0, 7, 8, 14, 16, 23, 24, 30, 31, 32 };
	static const int lens6[] = { 0, 1, 16, 31, 32, 33, 64, 96, 127, 128 };

	return family == AF_INET ? lens4[below(r, 10)] : lens6[below(r, 10)];
}

static inline __u32 random_device(struct random *r)
{
	return below(r, 3) ? 1 : FIRST_DEVICE + below(r, DEVICES);
}

static inline void put_gateway(struct random *r, struct buffer *b, int type)
{
	__u8 address[16];
	int family = below(r, 2) ? AF_INET : AF_INET6;

	random_address(r, family, 128, address);
	put(b, type, address, family == AF_INET ? 4 : 16);
}

static inline void put_hops(struct random *r, struct buffer *b)
{
	struct nlattr *list = nest(b, NLD_A_NEXTHOPS), *entry;
	int i, n = below(r, 8) ? 1 + below(r, 4) : NLD_MAX_NEXTHOPS;

	for (i = 0; i < n; i++) {
		int what = 1 + below(r, 3);

		entry = nest(b, NLD_NH_ENTRY);
		if (what & 1)
			put_gateway(r, b, NLD_NH_GATEWAY);
		if (what & 2)
			put_u32(b, NLD_NH_OIF, random_device(r));
		if (below(r, 2))
			put_u16(b, NLD_NH_WEIGHT, 1 + below(r, NLD_MAX_WEIGHT));
		nest_end(b, entry);
	}
	nest_end(b, list);
}

static inline void put_key(struct random *r, struct buffer *b, struct nlmsghdr *nlh)
{
	int family = below(r, 2) ? AF_INET : AF_INET6;
	__u8 address[16];

	head(nlh)->family = family;
	head(nlh)->dst_len = random_len(r, family);
	random_address(r, family, head(nlh)->dst_len, address);
	if (head(nlh)->dst_len)
		put(b, NLD_A_DST, address, family == AF_INET ? 4 : 16);
	if (below(r, 2))
		put_u32(b, NLD_A_TABLE, 1 + below(r, 3));
}

static inline void put_filter(struct random *r, struct buffer *b, struct nlmsghdr *nlh)
{
	static const __u8 types[] = { NLD_TYPE_UNICAST, NLD_TYPE_BLACKHOLE };

	if (below(r, 2))
		put_key(r, b, nlh);
	else if (below(r, 2))
		put_u32(b, NLD_A_TABLE, 1 + below(r, 3));
	if (!below(r, 4))
		put_u32(b, NLD_A_METRIC, below(r, 3));
	if (!below(r, 4))
		put_u8(b, NLD_A_PROTOCOL, below(r, 3));
	if (!below(r, 4))
		put_u8(b, NLD_A_TYPE, types[below(r, 2)]);
	if (!below(r, 4))
		put_u32(b, NLD_A_OIF, random_device(r));
	if (!below(r, 4))
		put(b, NLD_A_OWNER, "mutate", 1 + below(r, 6));
}

static inline void put_new(struct random *r, struct buffer *b, struct nlmsghdr *nlh)
{
	static const __u8 others[] = { NLD_TYPE_BLACKHOLE, NLD_TYPE_UNREACHABLE, NLD_TYPE_PROHIBIT };
	static const int flags[] = {
		NLM_F_CREATE, NLM_F_CREATE | NLM_F_EXCL, NLM_F_CREATE | NLM_F_REPLACE, NLM_F_REPLACE,
	};
	__u8 address[16];

	nlh->nlmsg_flags |= flags[below(r, 4)] | (below(r, 4) ? 0 : NLM_F_ECHO);
	put_key(r, b, nlh);
	if (below(r, 2))
		put_u32(b, NLD_A_METRIC, below(r, 3));
	if (below(r, 2))
		put_u8(b, NLD_A_PROTOCOL, below(r, 3));
	switch (below(r, 4)) {
	case 0:
		put_u8(b, NLD_A_TYPE, others[below(r, 3)]);
		break;
	case 1:
		put_hops(r, b);
		break;
	default:
		put_gateway(r, b, NLD_A_GATEWAY);
		if (below(r, 2))
			put_u32(b, NLD_A_OIF, random_device(r));
	}
	if (!below(r, 4)) {
		random_address(r, head(nlh)->family, 128, address);
		put(b, NLD_A_PREFSRC, address, head(nlh)->family == AF_INET ? 4 : 16);
	}
	if (!below(r, 8))
		put_u32(b, NLD_A_EXPIRES, below(r, 3));
	if (!below(r, 4))
		put(b, NLD_A_OWNER, "mutatemutatemutatemutatemutatemutatemutatemutatemutatemutatemutate",
		    1 + below(r, below(r, 2) ? NLD_MAX_OWNER : 6));
	if (!below(r, 16) && nlh->nlmsg_flags & NLM_F_REPLACE)
		put_u64(b, NLD_A_GENERATION, below(r, 1000));
}

static inline void put_delete(struct random *r, struct buffer *b, struct nlmsghdr *nlh)
{
	nlh->nlmsg_flags |= below(r, 4) ? 0 : NLM_F_ECHO;
	put_key(r, b, nlh);
	if (below(r, 2))
		put_u32(b, NLD_A_METRIC, below(r, 3));
	if (!below(r, 4))
		put_u8(b, NLD_A_PROTOCOL, below(r, 3));
	if (!below(r, 8))
		put_u8(b, NLD_A_TYPE, NLD_TYPE_UNICAST);
	if (!below(r, 8))
		put_u32(b, NLD_A_OIF, random_device(r));
	if (!below(r, 8))
		put_gateway(r, b, NLD_A_GATEWAY);
	if (!below(r, 8))
		put(b, NLD_A_OWNER, "mutate", 1 + below(r, 6));
	if (!below(r, 8))
		put_u64(b, NLD_A_GENERATION, below(r, 1000));
}

/*
 * One record with as many next hops as there can be, replaced and read by
 * everybody: it takes so long to read that it is replaced meanwhile.
 */
static inline struct nlmsghdr *valid_hot(struct random *r, struct buffer *b, __u32 seq, int write)
{
	static const __u8 dst[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	struct nlmsghdr *nlh = begin(b, write ? NLD_MSG_ROUTE_NEW : NLD_MSG_ROUTE_GET, 0, seq);
	struct nlattr *list, *entry;
	int i;

	head(nlh)->family = AF_INET6;
	head(nlh)->dst_len = 32;
	put(b, NLD_A_DST, dst, sizeof(dst));
	if (write) {
		nlh->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
		list = nest(b, NLD_A_NEXTHOPS);
		for (i = 0; i < NLD_MAX_NEXTHOPS; i++) {
			entry = nest(b, NLD_NH_ENTRY);
			put_gateway(r, b, NLD_NH_GATEWAY);
			nest_end(b, entry);
		}
		nest_end(b, list);
	}
	end(b, nlh);
	return nlh;
}

static inline struct nlmsghdr *valid(struct random *r, struct buffer *b, __u32 seq)
{
	/* What builds the tables comes most often, what empties them seldom. */
	static const int types[] = {
		NLD_MSG_ROUTE_NEW, NLD_MSG_ROUTE_NEW, NLD_MSG_ROUTE_NEW, NLD_MSG_ROUTE_NEW,
		NLD_MSG_ROUTE_DEL, NLD_MSG_ROUTE_DEL, NLD_MSG_ROUTE_GET, NLD_MSG_ROUTE_GET,
		NLD_MSG_GREET, NLD_MSG_GET_INFO, NLD_MSG_STATS,
	};
	int type = below(r, 100) ? types[below(r, 11)] : NLD_MSG_FLUSH;
	struct nlmsghdr *nlh = begin(b, type, below(r, 2) ? NLM_F_ACK : 0, seq);

	switch (type) {
	case NLD_MSG_ROUTE_NEW:
		put_new(r, b, nlh);
		break;
	case NLD_MSG_ROUTE_DEL:
		put_delete(r, b, nlh);
		break;
	case NLD_MSG_ROUTE_GET:
		put_key(r, b, nlh);
		if (below(r, 2))
			head(nlh)->flags = NLD_F_LOOKUP;
		else if (below(r, 2))
			put_u32(b, NLD_A_METRIC, below(r, 3));
		break;
	case NLD_MSG_GREET:
		put(b, NLD_GREET_TEXT, "Hello", 6);
		break;
	case NLD_MSG_FLUSH:
		nlh->nlmsg_flags |= below(r, 4) ? 0 : NLM_F_ECHO;
		put_filter(r, b, nlh);
		break;
	}
	end(b, nlh);
	return nlh;
}

static inline struct nlmsghdr *valid_dump(struct random *r, struct buffer *b, __u32 seq)
{
	struct nlmsghdr *nlh = begin(b, NLD_MSG_ROUTE_GET, NLM_F_DUMP, seq);

	put_filter(r, b, nlh);
	end(b, nlh);
	return nlh;
}

#endif
