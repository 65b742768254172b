// SPDX-License-Identifier: GPL-2.0-only
/*
 * One record: its memory, and what can be asked of it
 *
 * Next hops, gateways, preferred source and owner lie behind each other in
 * the record's tail, so that a usual record fills one cache line and two
 * records can be compared byte by byte. Nothing here is locked: a record is
 * never written to once it is published.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "table.h"

struct nld_route *nld_route_alloc(size_t tail_len)
{
	struct nld_route *route;

	route = kzalloc(sizeof(*route) + tail_len, GFP_KERNEL_ACCOUNT);
	if (route)
		route->tail_len = tail_len;
	return route;
}

/* Of a record that was never published, or that nobody can reach any more. */
void nld_route_free(struct nld_route *route)
{
	kfree(route->timer);
	kfree(route);
}

size_t nld_route_bytes(const struct nld_route *route)
{
	return sizeof(*route) + route->tail_len +
	       (route->timer ? sizeof(*route->timer) : 0);
}

static size_t route_gateways_len(const struct nld_route *route)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < route->hop_count; i++)
		len += route->hop[i].gateway_len;
	return len;
}

const u8 *nld_route_gateways(const struct nld_route *route)
{
	return (const u8 *)route + sizeof(*route) +
	       route->hop_count * sizeof(*route->hop);
}

const u8 *nld_route_prefsrc(const struct nld_route *route)
{
	return nld_route_gateways(route) + route_gateways_len(route);
}

const u8 *nld_route_owner(const struct nld_route *route)
{
	return nld_route_prefsrc(route) + route->prefsrc_len;
}

bool nld_route_uses(const struct nld_route *route, u32 oif)
{
	unsigned int i;

	for (i = 0; i < route->hop_count; i++)
		if (route->hop[i].oif == oif)
			return true;
	return false;
}

/* Rounded up, so that 0 always means that it does not expire. */
u32 nld_route_seconds_left(const struct nld_route *route)
{
	s64 left;

	if (!route->timer)
		return 0;
	left = ktime_ms_delta(route->timer->expires, ktime_get());
	return left > 0 ? (u32)(left - 1) / MSEC_PER_SEC + 1 : 1;
}

bool nld_route_same(const struct nld_route *a, const struct nld_route *b)
{
	size_t at = offsetof(struct nld_route, metric);

	return a->tail_len == b->tail_len &&
	       !memcmp((const u8 *)a + at, (const u8 *)b + at,
		       sizeof(*a) - at + a->tail_len);
}

/* A copy without the next hops that use @oif, or NULL. */
struct nld_route *nld_route_without(const struct nld_route *route, u32 oif)
{
	const u8 *from = nld_route_gateways(route);
	size_t rest = route->prefsrc_len + route->owner_len;
	struct nld_route *copy;
	unsigned int i, hops = 0;
	size_t gateways = 0;
	u8 *to;

	for (i = 0; i < route->hop_count; i++) {
		if (route->hop[i].oif == oif)
			continue;
		hops++;
		gateways += route->hop[i].gateway_len;
	}

	copy = nld_route_alloc(hops * sizeof(*route->hop) + gateways + rest);
	if (!copy)
		return NULL;
	if (route->timer) {
		copy->timer = kmemdup(route->timer, sizeof(*route->timer),
				      GFP_KERNEL_ACCOUNT);
		if (!copy->timer) {
			nld_route_free(copy);
			return NULL;
		}
	}
	copy->metric = route->metric;
	copy->protocol = route->protocol;
	copy->type = route->type;
	copy->owner_len = route->owner_len;
	copy->prefsrc_len = route->prefsrc_len;
	copy->hop_count = hops;

	to = (u8 *)nld_route_gateways(copy);
	for (hops = 0, i = 0; i < route->hop_count; i++) {
		u8 len = route->hop[i].gateway_len;

		if (route->hop[i].oif != oif) {
			copy->hop[hops++] = route->hop[i];
			memcpy(to, from, len);
			to += len;
		}
		from += len;
	}
	if (hops == 1)
		copy->hop[0].weight = 1;
	memcpy(to, from, rest);
	return copy;
}
