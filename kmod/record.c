// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a request to a record
 *
 * A record is one piece of memory whose size depends on its next hops, so
 * these are gone through twice: to measure and check them, and to fill the
 * record in. What message.c can say of each attribute alone is said there;
 * here is how they must agree with each other.
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
	if (!gateway || oif || nla_len(gateway) != V6_LEN)
		return 0;
	addr = nla_get_in6_addr(gateway);
	if (ipv6_addr_type(&addr) & IPV6_ADDR_LINKLOCAL) {
		NL_SET_ERR_MSG_ATTR(extack, gateway,
				    "a link-local gateway needs a device");
		return -EINVAL;
	}
	return 0;
}

static void put_hop(struct nld_hop *hop, u8 **gateways,
		    const struct nlattr *gateway, const struct nlattr *oif,
		    const struct nlattr *weight)
{
	hop->oif = oif ? nla_get_u32(oif) : 0;
	hop->weight = weight ? nla_get_u16(weight) : 1;
	if (!gateway)
		return;
	hop->gateway_len = nla_len(gateway);
	memcpy(*gateways, nla_data(gateway), nla_len(gateway));
	*gateways += nla_len(gateway);
}

/* First round: how many next hops, and how many bytes their gateways take. */
static int measure_hops(struct nld_request *req, unsigned int *hops,
			size_t *gateways)
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
		if (tb[NLD_A_GATEWAY])
			*gateways = nla_len(tb[NLD_A_GATEWAY]);
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
		if (nh[NLD_NH_GATEWAY])
			*gateways += nla_len(nh[NLD_NH_GATEWAY]);
	}
	if (*hops)
		return 0;
	NL_SET_ERR_MSG_ATTR(req->extack, tb[NLD_A_NEXTHOPS],
			    "list of next hops is empty");
	return -EINVAL;
}

/* Second round: the next hops into the record, which has room for them. */
static int fill_hops(struct nld_request *req, struct nld_route *route)
{
	struct nlattr **tb = req->tb, *nh[NLD_NH_MAX + 1], *entry;
	u8 *gateways = (u8 *)nld_route_gateways(route);
	unsigned int i = 0;
	int err, rem;

	if (!route->hop_count)
		return 0;
	if (!tb[NLD_A_NEXTHOPS]) {
		put_hop(&route->hop[0], &gateways, tb[NLD_A_GATEWAY],
			tb[NLD_A_OIF], NULL);
		return 0;
	}
	nla_for_each_nested(entry, tb[NLD_A_NEXTHOPS], rem) {
		err = nla_parse_nested(nh, NLD_NH_MAX, entry, nld_nexthop_policy,
				       req->extack);
		if (err)
			return err;
		put_hop(&route->hop[i++], &gateways, nh[NLD_NH_GATEWAY],
			nh[NLD_NH_OIF], nh[NLD_NH_WEIGHT]);
	}
	if (route->hop_count == 1)
		route->hop[0].weight = 1;
	return 0;
}

static int check_prefsrc(struct nld_request *req)
{
	const struct nlattr *src = req->tb[NLD_A_PREFSRC];
	size_t len = req->af == NLD_AF_INET ? V4_LEN : V6_LEN;

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

static int add_timer_to(struct nld_route *route, const struct nld_request *req)
{
	u32 seconds = 0;

	if (req->tb[NLD_A_EXPIRES])
		seconds = nla_get_u32(req->tb[NLD_A_EXPIRES]);
	if (!seconds)
		return 0;
	route->timer = kzalloc(sizeof(*route->timer), GFP_KERNEL_ACCOUNT);
	if (!route->timer)
		return -ENOMEM;
	route->timer->expires = ktime_add_ms(ktime_get(),
					     (u64)seconds * MSEC_PER_SEC);
	route->timer->af = req->af;
	route->timer->key = req->key;
	route->timer->metric = req->metric;
	return 0;
}

/**
 * nld_request_route - make the record that NLD_MSG_ROUTE_NEW describes
 * @req: from nld_parse_new()
 *
 * Return: the record, or ERR_PTR().
 */
struct nld_route *nld_request_route(struct nld_request *req)
{
	struct nlattr **tb = req->tb;
	size_t prefsrc_len = tb[NLD_A_PREFSRC] ? nla_len(tb[NLD_A_PREFSRC]) : 0;
	size_t owner_len = tb[NLD_A_OWNER] ? nla_len(tb[NLD_A_OWNER]) : 0;
	u8 type = NLD_TYPE_UNICAST;
	unsigned int hops = 0;
	struct nld_route *route;
	size_t gateways = 0;
	int err;

	if (tb[NLD_A_TYPE])
		type = nla_get_u8(tb[NLD_A_TYPE]);
	if (type == NLD_TYPE_UNICAST) {
		err = measure_hops(req, &hops, &gateways);
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

	route = nld_route_alloc(hops * sizeof(*route->hop) + gateways +
				prefsrc_len + owner_len);
	if (!route)
		return ERR_PTR(-ENOMEM);
	route->metric = req->metric;
	route->type = type;
	if (tb[NLD_A_PROTOCOL])
		route->protocol = nla_get_u8(tb[NLD_A_PROTOCOL]);
	route->hop_count = hops;
	err = fill_hops(req, route);
	if (err)
		goto free;
	route->prefsrc_len = prefsrc_len;
	if (prefsrc_len)
		memcpy((u8 *)nld_route_prefsrc(route),
		       nla_data(tb[NLD_A_PREFSRC]), prefsrc_len);
	route->owner_len = owner_len;
	if (owner_len)
		memcpy((u8 *)nld_route_owner(route), nla_data(tb[NLD_A_OWNER]),
		       owner_len);
	err = add_timer_to(route, req);
	if (err)
		goto free;
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
	struct nlattr *const *tb = req->tb;
	const struct nlattr *bad = NULL;

	if (req->generation && req->generation != route->generation) {
		NL_SET_ERR_MSG_ATTR(req->extack, tb[NLD_A_GENERATION],
				    "the route is not of this generation");
		return -ESTALE;
	}
	if (tb[NLD_A_PROTOCOL] && nla_get_u8(tb[NLD_A_PROTOCOL]) != route->protocol)
		bad = tb[NLD_A_PROTOCOL];
	else if (tb[NLD_A_TYPE] && nla_get_u8(tb[NLD_A_TYPE]) != route->type)
		bad = tb[NLD_A_TYPE];
	else if (tb[NLD_A_OWNER] &&
		 (nla_len(tb[NLD_A_OWNER]) != route->owner_len ||
		  nla_memcmp(tb[NLD_A_OWNER], nld_route_owner(route),
			     route->owner_len)))
		bad = tb[NLD_A_OWNER];
	else if (tb[NLD_A_OIF] && (route->hop_count != 1 ||
				   nla_get_u32(tb[NLD_A_OIF]) != route->hop[0].oif))
		bad = tb[NLD_A_OIF];
	else if (tb[NLD_A_GATEWAY] &&
		 (route->hop_count != 1 ||
		  nla_len(tb[NLD_A_GATEWAY]) != route->hop[0].gateway_len ||
		  nla_memcmp(tb[NLD_A_GATEWAY], nld_route_gateways(route),
			     route->hop[0].gateway_len)))
		bad = tb[NLD_A_GATEWAY];
	if (!bad)
		return 0;
	NL_SET_ERR_MSG_ATTR(req->extack, bad,
			    "the route there differs in this attribute");
	return -ESRCH;
}
