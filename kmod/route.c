// SPDX-License-Identifier: GPL-2.0-only
/*
 * One record: its memory, and what can be asked of it
 *
 * A record says to which prefix it belongs and whose it is; where it leads is
 * in a group of next hops, which all records that lead there share. Nothing
 * here is locked: what readers see of a record is never written to once it is
 * published.
 */
#include <linux/ktime.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "route.h"

static size_t prefsrc_len(u8 flags)
{
	if (!(flags & NLD_ROUTE_PREFSRC))
		return 0;
	return flags & NLD_ROUTE_INET6 ? NLD_V6_LEN : NLD_V4_LEN;
}

static bool is_timed(const struct nld_route *route)
{
	return route->flags & NLD_ROUTE_TIMED;
}

static size_t tail_len(const struct nld_route *route)
{
	return prefsrc_len(route->flags) + route->owner_len;
}

/* What stands in front of a record's tail. */
static size_t head_len(bool timed)
{
	/* Not struct_size(): it counts the padding behind @owner_len twice. */
	return offsetof(struct nld_route, tail) +
	       (timed ? offsetof(struct nld_timed, route) : 0);
}

/**
 * nld_route_alloc - make a record
 * @af: its family
 * @prefsrc: with room for a preferred source
 * @timed: it ends by itself
 * @owner_len: bytes of its owner
 *
 * Return: the record, or NULL.
 */
struct nld_route *nld_route_alloc(enum nld_af af, bool prefsrc, bool timed,
				  u8 owner_len)
{
	struct nld_route *route;
	u8 flags = 0;
	void *memory;

	if (af == NLD_AF_INET6)
		flags |= NLD_ROUTE_INET6;
	if (prefsrc)
		flags |= NLD_ROUTE_PREFSRC;
	if (timed)
		flags |= NLD_ROUTE_TIMED;
	memory = kzalloc(head_len(timed) + prefsrc_len(flags) + owner_len,
			 GFP_KERNEL_ACCOUNT);
	if (!memory)
		return NULL;
	route = memory;
	if (timed)
		route = &((struct nld_timed *)memory)->route;
	route->flags = flags;
	route->owner_len = owner_len;
	return route;
}

/* Of a record that was never published, or that nobody can reach any more. */
void nld_route_free(struct nld_route *route)
{
	if (route->group && !route->group->users)
		kfree(route->group);
	kfree(nld_route_memory(route));
}

/* When it ends; NULL: it does not. */
struct nld_timed *nld_route_timed(struct nld_route *route)
{
	if (!is_timed(route))
		return NULL;
	return container_of(route, struct nld_timed, route);
}

/* What was allocated. */
void *nld_route_memory(struct nld_route *route)
{
	struct nld_timed *timed = nld_route_timed(route);

	return timed ? (void *)timed : route;
}

/* Of a record that readers may stand on. */
void nld_route_free_rcu(struct nld_route *route)
{
	struct nld_timed *timed = nld_route_timed(route);

	if (timed)
		kfree_rcu(timed, route.rcu);
	else
		kfree_rcu(route, rcu);
}

static ktime_t expires(const struct nld_route *route)
{
	return container_of(route, const struct nld_timed, route)->expires;
}

/* All but its group, and its place in the tables. */
struct nld_route *nld_route_copy(const struct nld_route *route)
{
	struct nld_route *copy;

	copy = nld_route_alloc(nld_route_af(route), nld_route_prefsrc_len(route),
			       is_timed(route), route->owner_len);
	if (!copy)
		return NULL;
	copy->metric = route->metric;
	copy->protocol = route->protocol;
	copy->type = route->type;
	memcpy(copy->tail, route->tail, tail_len(route));
	if (is_timed(route))
		nld_route_timed(copy)->expires = expires(route);
	return copy;
}

enum nld_af nld_route_af(const struct nld_route *route)
{
	return route->flags & NLD_ROUTE_INET6 ? NLD_AF_INET6 : NLD_AF_INET;
}

unsigned int nld_route_hops(const struct nld_route *route)
{
	return route->group ? route->group->hop_count : 0;
}

/* Of the preferred source, which is where the tail begins; 0: none. */
size_t nld_route_prefsrc_len(const struct nld_route *route)
{
	return prefsrc_len(route->flags);
}

const u8 *nld_route_owner(const struct nld_route *route)
{
	return route->tail + nld_route_prefsrc_len(route);
}

bool nld_route_uses(const struct nld_route *route, u32 oif)
{
	unsigned int i, hops = nld_route_hops(route);

	for (i = 0; i < hops; i++)
		if (route->group->hop[i].oif == oif)
			return true;
	return false;
}

/* Rounded up, so that 0 always means that it does not expire. */
u32 nld_route_seconds_left(const struct nld_route *route)
{
	s64 left;

	if (!is_timed(route))
		return 0;
	left = ktime_ms_delta(expires(route), ktime_get());
	return left > 0 ? (u32)(left - 1) / MSEC_PER_SEC + 1 : 1;
}

/*
 * Its own memory, as the allocator rounds it; a group is counted once, whoever
 * shares it.
 */
size_t nld_route_bytes(const struct nld_route *route)
{
	return kmalloc_size_roundup(head_len(is_timed(route)) +
				    tail_len(route));
}

/* Of two records with the same key, groups shared: do they say the same? */
bool nld_route_same(const struct nld_route *a, const struct nld_route *b)
{
	return a->group == b->group && a->protocol == b->protocol &&
	       a->type == b->type && a->flags == b->flags &&
	       a->owner_len == b->owner_len &&
	       !memcmp(a->tail, b->tail, tail_len(a));
}

struct nld_hopgroup *nld_hopgroup_alloc(unsigned int hops)
{
	struct nld_hopgroup *group;
	unsigned int i;

	group = kzalloc(struct_size(group, hop, hops), GFP_KERNEL_ACCOUNT);
	if (!group)
		return NULL;
	group->hop_count = hops;
	for (i = 0; i < hops; i++) {
		group->hop[i].index = i;
		group->hop[i].weight = 1;
	}
	return group;
}

size_t nld_hopgroup_bytes(const struct nld_hopgroup *group)
{
	return kmalloc_size_roundup(struct_size(group, hop, group->hop_count));
}
