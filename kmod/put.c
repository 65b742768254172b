// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a record to a message
 *
 * The same function fills answers, dumps and announcements, so that a program
 * needs one way to read a route. It runs under RCU or the namespace's mutex,
 * and does not sleep.
 */
#include <linux/socket.h>
#include <net/netlink.h>

#include "put.h"

/* As large as the message can be, whatever is left out. */
size_t nld_put_size(const struct nld_route *route)
{
	size_t size = NLMSG_ALIGN(sizeof(struct nldmsg)) +
		      nla_total_size(NLD_V6_LEN) +		/* NLD_A_DST */
		      nla_total_size(sizeof(u32)) * 3 +	/* metric, table, expires */
		      nla_total_size(sizeof(u8)) * 3 +	/* protocol, type, cause */
		      nla_total_size_64bit(sizeof(u64)) * 2; /* generation, as of */
	unsigned int i, hops = nld_route_hops(route);

	for (i = 0; i < hops; i++)
		size += nla_total_size(0) +
			nla_total_size(NLD_V6_LEN) +
			nla_total_size(sizeof(u32)) +
			nla_total_size(sizeof(u16));
	if (hops > 1)
		size += nla_total_size(0);
	if (nld_route_prefsrc_len(route))
		size += nla_total_size(nld_route_prefsrc_len(route));
	if (route->owner_len)
		size += nla_total_size(route->owner_len);
	return size;
}

static int put_hops(struct sk_buff *skb, const struct nld_hopgroup *group)
{
	const struct nld_hop *hop = group->hop;
	struct nlattr *list, *entry;
	unsigned int i;

	if (group->hop_count == 1) {
		if (hop->gateway_len &&
		    nla_put(skb, NLD_A_GATEWAY, hop->gateway_len, hop->gateway))
			return -EMSGSIZE;
		if (hop->oif && nla_put_u32(skb, NLD_A_OIF, hop->oif))
			return -EMSGSIZE;
		return 0;
	}

	list = nla_nest_start(skb, NLD_A_NEXTHOPS);
	if (!list)
		return -EMSGSIZE;
	for (i = 0; i < group->hop_count; i++, hop++) {
		entry = nla_nest_start(skb, NLD_NH_ENTRY);
		if (!entry)
			return -EMSGSIZE;
		if (hop->gateway_len &&
		    nla_put(skb, NLD_NH_GATEWAY, hop->gateway_len, hop->gateway))
			return -EMSGSIZE;
		if (hop->oif && nla_put_u32(skb, NLD_NH_OIF, hop->oif))
			return -EMSGSIZE;
		if (nla_put_u16(skb, NLD_NH_WEIGHT, hop->weight))
			return -EMSGSIZE;
		nla_nest_end(skb, entry);
	}
	nla_nest_end(skb, list);
	return 0;
}

static int put_attrs(struct sk_buff *skb, const struct nld_put *put)
{
	const struct nld_route *route = put->route;
	bool inet6 = nld_route_af(route) == NLD_AF_INET6;
	size_t len = inet6 ? NLD_V6_LEN : NLD_V4_LEN;
	size_t prefsrc_len = nld_route_prefsrc_len(route);
	u32 left = nld_route_seconds_left(route);

	if (put->key->bits && nla_put(skb, NLD_A_DST, len, put->key->word))
		return -EMSGSIZE;
	if (route->group && put_hops(skb, route->group))
		return -EMSGSIZE;
	if (nla_put_u32(skb, NLD_A_METRIC, route->metric) ||
	    nla_put_u32(skb, NLD_A_TABLE, put->key->table) ||
	    nla_put_u8(skb, NLD_A_PROTOCOL, route->protocol) ||
	    nla_put_u8(skb, NLD_A_TYPE, route->type))
		return -EMSGSIZE;
	if (prefsrc_len &&
	    nla_put(skb, NLD_A_PREFSRC, prefsrc_len, route->tail))
		return -EMSGSIZE;
	if (left && nla_put_u32(skb, NLD_A_EXPIRES, left))
		return -EMSGSIZE;
	if (route->owner_len &&
	    nla_put(skb, NLD_A_OWNER, route->owner_len, nld_route_owner(route)))
		return -EMSGSIZE;
	if (nla_put_u64_64bit(skb, NLD_A_GENERATION, put->generation, NLD_A_PAD))
		return -EMSGSIZE;
	if (put->announce && nla_put_u8(skb, NLD_A_CAUSE, put->cause))
		return -EMSGSIZE;
	if (put->as_of &&
	    nla_put_u64_64bit(skb, NLD_A_AS_OF, put->as_of, NLD_A_PAD))
		return -EMSGSIZE;
	return 0;
}

/* Returns the finished message, or NULL if there is no room for it. */
struct nlmsghdr *nld_put_route(struct sk_buff *skb, const struct nld_put *put)
{
	struct nlmsghdr *nlh;
	struct nldmsg *hdr;

	nlh = nlmsg_put(skb, put->portid, put->seq, put->type, sizeof(*hdr),
			put->flags);
	if (!nlh)
		return NULL;
	hdr = nlmsg_data(nlh);
	memset(hdr, 0, sizeof(*hdr));
	hdr->family = nld_route_af(put->route) == NLD_AF_INET ? AF_INET : AF_INET6;
	hdr->dst_len = put->key->bits;
	if (put_attrs(skb, put)) {
		nlmsg_cancel(skb, nlh);
		return NULL;
	}
	nlmsg_end(skb, nlh);
	return nlh;
}
