/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a record to a message; see put.c.
 */
#ifndef _NLD_PUT_H
#define _NLD_PUT_H

#include <linux/netlink.h>
#include <linux/skbuff.h>

#include "route.h"
#include "trie.h"

/**
 * struct nld_put - a record on its way out
 * @portid: see struct nlmsghdr
 * @seq: see struct nlmsghdr
 * @type: see struct nlmsghdr
 * @flags: see struct nlmsghdr
 * @key: table and prefix
 * @route: the record
 * @generation: NLD_A_GENERATION
 * @as_of: NLD_A_AS_OF; 0: left out
 * @announce: put NLD_A_CAUSE
 * @cause: enum nld_cause
 */
struct nld_put {
	u32 portid;
	u32 seq;
	u16 type;
	u16 flags;
	const struct nld_key *key;
	const struct nld_route *route;
	u64 generation;
	u64 as_of;
	bool announce;
	u8 cause;
};

size_t nld_put_size(const struct nld_route *route);
struct nlmsghdr *nld_put_route(struct sk_buff *skb, const struct nld_put *put);

#endif /* _NLD_PUT_H */
