/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From messages to records and back; see message.c, record.c and put.c.
 */
#ifndef _NLD_MESSAGE_H
#define _NLD_MESSAGE_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <net/netlink.h>

#include "table.h"

#define V4_LEN	sizeof(struct in_addr)
#define V6_LEN	sizeof(struct in6_addr)

/**
 * struct nld_request - a message about routes, validated
 * @nlh: the message
 * @extack: where to say what is wrong
 * @tb: its attributes
 * @portid: who sent it, as the kernel knows
 * @flags: NLD_F_*
 * @af: the family; not in a dump or flush
 * @key: table and prefix; not in a dump or flush
 * @metric: 0 if absent
 * @generation: the condition; 0: none
 */
struct nld_request {
	const struct nlmsghdr *nlh;
	struct netlink_ext_ack *extack;
	struct nlattr *tb[NLD_A_MAX + 1];
	u32 portid;
	u8 flags;
	enum nld_af af;
	struct nld_key key;
	u32 metric;
	u64 generation;
};

/**
 * struct nld_put - a record on its way out
 * @portid: see struct nlmsghdr
 * @seq: see struct nlmsghdr
 * @type: see struct nlmsghdr
 * @flags: see struct nlmsghdr
 * @af: the family
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
	enum nld_af af;
	const struct nld_key *key;
	const struct nld_route *route;
	u64 generation;
	u64 as_of;
	bool announce;
	u8 cause;
};

extern const struct nla_policy nld_nexthop_policy[NLD_NH_MAX + 1];

int nld_parse_empty(const struct nlmsghdr *nlh, struct netlink_ext_ack *extack);
int nld_parse_greet(const struct nlmsghdr *nlh, struct netlink_ext_ack *extack);
int nld_parse_new(struct nld_request *req);
int nld_parse_delete(struct nld_request *req);
int nld_parse_get(struct nld_request *req);
int nld_parse_filter(struct nld_request *req, struct nld_filter *filter);

struct nld_route *nld_request_route(struct nld_request *req);
const struct nlattr *nld_request_hop_attr(const struct nld_request *req,
					  unsigned int hop);
int nld_request_conditions(const struct nld_request *req,
			   const struct nld_route *route);

size_t nld_put_size(const struct nld_route *route);
struct nlmsghdr *nld_put_route(struct sk_buff *skb, const struct nld_put *put);

#endif /* _NLD_MESSAGE_H */
