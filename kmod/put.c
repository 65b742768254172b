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

#include "message.h"

/* As large as the message can be, whatever is left out. */
size_t nld_put_size(const struct nld_route *route)
{
	size_t size = NLMSG_ALIGN(sizeof(struct nldmsg)) +
		      nla_total_size(V6_LEN) +		/* NLD_A_DST */
		      nla_total_size(sizeof(u32)) * 3 +	/* metric, table, expires */
		      nla_total_size(sizeof(u8)) * 3 +	/* protocol, type, cause */
		      nla_total_size_64bit(sizeof(u64)) * 2; /* generation, as of */
	unsigned int i;

	for (i = 0; i < route->hop_count; i++)
		size += nla_total_size(0) +
			nla_total_size(V6_LEN) +
			nla_total_size(sizeof(u32)) +
			nla_total_size(sizeof(u16));
	if (route->hop_count > 1)
		size += nla_total_size(0);
	if (route->prefsrc_len)
		size += nla_total_size(route->prefsrc_len);
	if (route->owner_len)
		size += nla_total_size(route->owner_len);
	return size;
}

static int put_hops(struct sk_buff *skb, const struct nld_route *route)
{
	const u8 *gateway = nld_route_gateways(route);
	const struct nld_hop *hop = route->hop;
	struct nlattr *list, *entry;
	unsigned int i;

	if (route->hop_count <= 1) {
		if (route->hop_count && hop->gateway_len &&
		    nla_put(skb, NLD_A_GATEWAY, hop->gateway_len, gateway))
			return -EMSGSIZE;
		if (route->hop_count && hop->oif &&
		    nla_put_u32(skb, NLD_A_OIF, hop->oif))
			return -EMSGSIZE;
		return 0;
	}

	list = nla_nest_start(skb, NLD_A_NEXTHOPS);
	if (!list)
		return -EMSGSIZE;
	for (i = 0; i < route->hop_count; i++, hop++) {
		entry = nla_nest_start(skb, NLD_NH_ENTRY);
		if (!entry)
			return -EMSGSIZE;
		if (hop->gateway_len &&
		    nla_put(skb, NLD_NH_GATEWAY, hop->gateway_len, gateway))
			return -EMSGSIZE;
		if (hop->oif && nla_put_u32(skb, NLD_NH_OIF, hop->oif))
			return -EMSGSIZE;
		if (nla_put_u16(skb, NLD_NH_WEIGHT, hop->weight))
			return -EMSGSIZE;
		nla_nest_end(skb, entry);
		gateway += hop->gateway_len;
	}
	nla_nest_end(skb, list);
	return 0;
}

static int put_attrs(struct sk_buff *skb, const struct nld_put *put)
{
	const struct nld_route *route = put->route;
	size_t len = put->af == NLD_AF_INET ? V4_LEN : V6_LEN;
	u32 left = nld_route_seconds_left(route);

	if (put->key->bits > 32 &&
	    nla_put(skb, NLD_A_DST, len, &put->key->word[1]))
		return -EMSGSIZE;
	if (put_hops(skb, route))
		return -EMSGSIZE;
	if (nla_put_u32(skb, NLD_A_METRIC, route->metric) ||
	    nla_put_u32(skb, NLD_A_TABLE, be32_to_cpu(put->key->word[0])) ||
	    nla_put_u8(skb, NLD_A_PROTOCOL, route->protocol) ||
	    nla_put_u8(skb, NLD_A_TYPE, route->type))
		return -EMSGSIZE;
	if (route->prefsrc_len &&
	    nla_put(skb, NLD_A_PREFSRC, route->prefsrc_len,
		    nld_route_prefsrc(route)))
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
	hdr->family = put->af == NLD_AF_INET ? AF_INET : AF_INET6;
	hdr->dst_len = put->key->bits - 32;
	if (put_attrs(skb, put)) {
		nlmsg_cancel(skb, nlh);
		return NULL;
	}
	nlmsg_end(skb, nlh);
	return nlh;
}
