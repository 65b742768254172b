// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a dump or flush is about
 *
 * A filter that names a table is a subtree, and a walk need not leave it. All
 * else is asked of each record.
 */
#include <linux/bits.h>
#include <linux/string.h>

#include "filter.h"

void nld_filter_start(const struct nld_filter *filter, struct nld_key *key)
{
	if (filter->given & BIT(NLD_A_TABLE))
		*key = filter->prefix;
	else
		memset(key, 0, sizeof(*key));
}

bool nld_filter_inside(const struct nld_filter *filter,
		       const struct nld_key *key)
{
	return !(filter->given & BIT(NLD_A_TABLE)) ||
	       nld_key_covers(&filter->prefix, key);
}

bool nld_filter_match(const struct nld_filter *filter,
		      const struct nld_key *key, const struct nld_route *route)
{
	struct nld_key prefix = filter->prefix;
	u32 given = filter->given;

	if (!(given & BIT(NLD_A_TABLE)))
		prefix.table = key->table;
	if ((given & (BIT(NLD_A_TABLE) | BIT(NLD_A_DST))) &&
	    !nld_key_covers(&prefix, key))
		return false;
	if ((given & BIT(NLD_A_PROTOCOL)) && route->protocol != filter->protocol)
		return false;
	if ((given & BIT(NLD_A_TYPE)) && route->type != filter->type)
		return false;
	if ((given & BIT(NLD_A_METRIC)) && route->metric != filter->metric)
		return false;
	if ((given & BIT(NLD_A_OIF)) && !nld_route_uses(route, filter->oif))
		return false;
	if ((given & BIT(NLD_A_OWNER)) &&
	    (route->owner_len != filter->owner_len ||
	     memcmp(nld_route_owner(route), filter->owner, route->owner_len)))
		return false;
	return true;
}
