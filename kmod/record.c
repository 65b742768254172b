// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a request to a record
 *
 * How much memory next hops take depends on their number, so these are gone
 * through twice: to check and count them, and to fill them in. What message.c
 * can say of each attribute alone is said there; here is how they must agree
 * with each other.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/ipv6.h>
#include <net/netlink.h>

#include "message.h"

static int check_hop(const struct nlattr *at, const struct nlattr *gateway,
		     const struct nlattr *oif, struct netlink_ext_ack *extack)
{
	struct in6_addr addr;

	if (!gateway && !oif) {
		NL_SET_ERR_MSG_ATTR(extack, at,
				    "a next hop needs a gateway or a device");
		return -EINVAL;
	}
	if (!gateway || oif || nla_len(gateway) != NLD_V6_LEN)
		return 0;
	addr = nla_get_in6_addr(gateway);
	if (ipv6_addr_type(&addr) & IPV6_ADDR_LINKLOCAL) {
		NL_SET_ERR_MSG_ATTR(extack, gateway,
				    "a link-local gateway needs a device");
		return -EINVAL;
	}
	return 0;
}

static void put_hop(struct nld_hop *hop, const struct nlattr *gateway,
		    const struct nlattr *oif, const struct nlattr *weight)
{
	if (oif)
		hop->oif = nla_get_u32(oif);
	if (weight)
		hop->weight = nla_get_u16(weight);
	if (!gateway)
		return;
	hop->gateway_len = nla_len(gateway);
	memcpy(hop->gateway, nla_data(gateway), nla_len(gateway));
}

/* First round: are they right, and how many? */
static int check_hops(struct nld_request *req, unsigned int *hops)
{
	struct nlattr **tb = req->tb, *nh[NLD_NH_MAX + 1], *entry;
	int err, rem;

	if (!tb[NLD_A_NEXTHOPS]) {
		if (!tb[NLD_A_GATEWAY] && !tb[NLD_A_OIF]) {
			NL_SET_ERR_ATTR_MISS(req->extack, NULL, NLD_A_OIF);
			NL_SET_ERR_MSG(req->extack,
				       "a unicast route needs a gateway, a device or next hops");
			return -EINVAL;
		}
		*hops = 1;
		return check_hop(NULL, tb[NLD_A_GATEWAY], tb[NLD_A_OIF],
				 req->extack);
	}

	if (tb[NLD_A_GATEWAY] || tb[NLD_A_OIF]) {
		NL_SET_ERR_MSG_ATTR(req->extack, tb[NLD_A_NEXTHOPS],
				    "next hops exclude a gateway and a device beside them");
		return -EINVAL;
	}
	nla_for_each_nested(entry, tb[NLD_A_NEXTHOPS], rem) {
		if (++*hops > NLD_MAX_NEXTHOPS) {
			NL_SET_ERR_MSG_ATTR(req->extack, entry,
					    "more than 64 next hops");
			return -EINVAL;
		}
		err = nla_parse_nested(nh, NLD_NH_MAX, entry, nld_nexthop_policy,
				       req->extack);
		if (err)
			return err;
		err = check_hop(entry, nh[NLD_NH_GATEWAY], nh[NLD_NH_OIF],
				req->extack);
		if (err)
			return err;
	}
	if (*hops)
		return 0;
	NL_SET_ERR_MSG_ATTR(req->extack, tb[NLD_A_NEXTHOPS],
			    "list of next hops is empty");
	return -EINVAL;
}

/* Second round: the next hops into a group, which has room for them. */
static int fill_hops(struct nld_request *req, struct nld_hopgroup *group)
{
	struct nlattr **tb = req->tb, *nh[NLD_NH_MAX + 1], *entry;
	struct nld_hop *hop = group->hop;
	int err, rem;

	if (!tb[NLD_A_NEXTHOPS]) {
		put_hop(hop, tb[NLD_A_GATEWAY], tb[NLD_A_OIF], NULL);
		return 0;
	}
	nla_for_each_nested(entry, tb[NLD_A_NEXTHOPS], rem) {
		err = nla_parse_nested(nh, NLD_NH_MAX, entry, nld_nexthop_policy,
				       req->extack);
		if (err)
			return err;
		put_hop(hop++, nh[NLD_NH_GATEWAY], nh[NLD_NH_OIF],
			nh[NLD_NH_WEIGHT]);
	}
	/* Of one next hop the weight means nothing. */
	if (group->hop_count == 1)
		group->hop[0].weight = 1;
	return 0;
}

static int check_prefsrc(struct nld_request *req)
{
	const struct nlattr *src = req->tb[NLD_A_PREFSRC];
	size_t len = req->af == NLD_AF_INET ? NLD_V4_LEN : NLD_V6_LEN;

	if (!src)
		return 0;
	if (nla_len(src) != len) {
		NL_SET_ERR_MSG_ATTR(req->extack, src,
				    "preferred source is not of the header's family");
		return -EINVAL;
	}
	if (!memchr_inv(nla_data(src), 0, len)) {
		NL_SET_ERR_MSG_ATTR(req->extack, src,
				    "preferred source is all zeros");
		return -EINVAL;
	}
	return 0;
}

/**
 * nld_request_route - make the record that NLD_MSG_ROUTE_NEW describes
 * @req: from nld_parse_new()
 *
 * Its next hops are a group of its own, not yet shared.
 *
 * Return: the record, or ERR_PTR().
 */
struct nld_route *nld_request_route(struct nld_request *req)
{
	const struct nlattr *prefsrc, *owner;
	struct nlattr **tb = req->tb;
	u8 type = NLD_TYPE_UNICAST;
	unsigned int hops = 0;
	u32 seconds = 0;
	struct nld_route *route;
	int err;

	if (tb[NLD_A_TYPE])
		type = nla_get_u8(tb[NLD_A_TYPE]);
	if (type == NLD_TYPE_UNICAST) {
		err = check_hops(req, &hops);
		if (err)
			return ERR_PTR(err);
	} else if (tb[NLD_A_GATEWAY] || tb[NLD_A_OIF] || tb[NLD_A_NEXTHOPS]) {
		NL_SET_ERR_MSG_ATTR(req->extack, tb[NLD_A_TYPE],
				    "a route of this type has no next hop");
		return ERR_PTR(-EINVAL);
	}
	err = check_prefsrc(req);
	if (err)
		return ERR_PTR(err);

	prefsrc = tb[NLD_A_PREFSRC];
	owner = tb[NLD_A_OWNER];
	if (tb[NLD_A_EXPIRES])
		seconds = nla_get_u32(tb[NLD_A_EXPIRES]);
	route = nld_route_alloc(req->af, prefsrc, seconds,
				owner ? nla_len(owner) : 0);
	if (!route)
		return ERR_PTR(-ENOMEM);
	if (seconds)
		nld_route_timed(route)->expires =
			ktime_add_ms(ktime_get(), (u64)seconds * MSEC_PER_SEC);
	route->metric = req->metric;
	route->type = type;
	if (tb[NLD_A_PROTOCOL])
		route->protocol = nla_get_u8(tb[NLD_A_PROTOCOL]);
	if (prefsrc)
		memcpy(route->tail, nla_data(prefsrc), nla_len(prefsrc));
	if (owner)
		memcpy(route->tail + nld_route_prefsrc_len(route),
		       nla_data(owner), nla_len(owner));
	if (hops) {
		err = -ENOMEM;
		route->group = nld_hopgroup_alloc(hops);
		if (!route->group)
			goto free;
		err = fill_hops(req, route->group);
		if (err)
			goto free;
	}
	return route;

free:
	nld_route_free(route);
	return ERR_PTR(err);
}

/* The attribute that a record's next hop came from, to point at. */
const struct nlattr *nld_request_hop_attr(const struct nld_request *req,
					  unsigned int hop)
{
	const struct nlattr *list = req->tb[NLD_A_NEXTHOPS], *entry;
	int rem;

	if (!list)
		return req->tb[NLD_A_OIF];
	nla_for_each_nested(entry, list, rem)
		if (!hop--)
			return nla_find_nested(entry, NLD_NH_OIF);
	return list;
}

/**
 * nld_request_conditions - does a record fulfil what a delete asks of it?
 * @req: the request
 * @route: the record
 *
 * Return: 0, -ESRCH or -ESTALE.
 */
int nld_request_conditions(const struct nld_request *req,
			   const struct nld_route *route)
{
	const struct nlattr *bad = NULL;
	const struct nld_hop *hop = NULL;
	struct nlattr *const *tb = req->tb;

	if (req->generation && req->generation != route->generation) {
		NL_SET_ERR_MSG_ATTR(req->extack, tb[NLD_A_GENERATION],
				    "the route is not of this generation");
		return -ESTALE;
	}
	if (nld_route_hops(route) == 1)
		hop = route->group->hop;
	if (tb[NLD_A_PROTOCOL] && nla_get_u8(tb[NLD_A_PROTOCOL]) != route->protocol)
		bad = tb[NLD_A_PROTOCOL];
	else if (tb[NLD_A_TYPE] && nla_get_u8(tb[NLD_A_TYPE]) != route->type)
		bad = tb[NLD_A_TYPE];
	else if (tb[NLD_A_OWNER] &&
		 (nla_len(tb[NLD_A_OWNER]) != route->owner_len ||
		  nla_memcmp(tb[NLD_A_OWNER], nld_route_owner(route),
			     route->owner_len)))
		bad = tb[NLD_A_OWNER];
	else if (tb[NLD_A_OIF] &&
		 (!hop || nla_get_u32(tb[NLD_A_OIF]) != hop->oif))
		bad = tb[NLD_A_OIF];
	else if (tb[NLD_A_GATEWAY] &&
		 (!hop || nla_len(tb[NLD_A_GATEWAY]) != hop->gateway_len ||
		  nla_memcmp(tb[NLD_A_GATEWAY], hop->gateway, hop->gateway_len)))
		bad = tb[NLD_A_GATEWAY];
	if (!bad)
		return 0;
	NL_SET_ERR_MSG_ATTR(req->extack, bad,
			    "the route there differs in this attribute");
	return -ESRCH;
}
