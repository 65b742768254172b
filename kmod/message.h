/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From messages to records; see message.c and record.c.
 */
#ifndef _NLD_MESSAGE_H
#define _NLD_MESSAGE_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <net/netlink.h>

#include "filter.h"
#include "notify.h"
#include "route.h"

/**
 * struct nld_request - a message about routes, validated
 * @nlh: the message
 * @extack: where to say what is wrong
 * @tb: its attributes
 * @sender: who sent it, as the kernel knows
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
	struct nld_sender sender;
	u8 flags;
	enum nld_af af;
	struct nld_key key;
	u32 metric;
	u64 generation;
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

#endif /* _NLD_MESSAGE_H */
