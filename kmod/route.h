/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One record, and the next hops that records share; see route.c.
 */
#ifndef _NLD_ROUTE_H
#define _NLD_ROUTE_H

#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/rhashtable-types.h>
#include <linux/types.h>

#include "trie.h"
#include "uapi/nld.h"

enum nld_af {
	NLD_AF_INET,
	NLD_AF_INET6,
	NLD_AF_COUNT
};

#define NLD_V4_LEN	4
#define NLD_V6_LEN	16

struct dst_entry;
struct nld_device;

/**
 * struct nld_hop - one next hop
 * @by_device: in its device's list of hops
 * @by_resolved: in its device's list of those that have one of @dst
 * @device: NULL: none is given, or the group is not shared yet, or any more
 * @dst: for packets of each family, where they were sent on; see resolved.c
 * @oif: index of the device; 0: none. From here on a plain value.
 * @weight: 1 to NLD_MAX_WEIGHT
 * @gateway_len: bytes of @gateway; 0: none
 * @index: its place in the group
 * @gateway: address
 */
struct nld_hop {
	struct list_head by_device;
	struct list_head by_resolved;
	struct nld_device *device;
	struct dst_entry __rcu *dst[NLD_AF_COUNT];
	u32 oif;
	u16 weight;
	u8 gateway_len;
	u8 index;
	u8 gateway[NLD_V6_LEN];
};

/**
 * struct nld_hopgroup - next hops, shared by all records of a namespace that
 *	have the same ones
 * @hash: in struct nld_net, groups
 * @routes: the records, by their by_group
 * @users: of these, those that are on their way in too; 0: not shared
 * @rcu: to free it
 * @hop_count: 1 to NLD_MAX_NEXTHOPS
 * @hop: the next hops; what they are is never changed once it is shared
 */
struct nld_hopgroup {
	struct rhash_head hash;
	struct hlist_head routes;
	unsigned long users;
	struct rcu_head rcu;
	u8 hop_count;
	struct nld_hop hop[];
};

/* struct nld_route, flags */
#define NLD_ROUTE_INET6		0x01	/* the family */
#define NLD_ROUTE_PREFSRC	0x02	/* a preferred source is in the tail */
#define NLD_ROUTE_TIMED		0x04	/* it is in a struct nld_timed */

/**
 * struct nld_route - a record; what readers see of it is never changed once
 *	it is published
 * @next: same prefix, next higher metric
 * @node: its prefix
 * @group: its next hops; NULL unless unicast
 * @generation: the change that made it
 * @by_group: in its group, for writers only; so it can share its place with
 * @rcu: to free it
 * @metric: with the rest of the key, what it is found by
 * @table: number of its table
 * @protocol: RTPROT_*
 * @type: enum nld_route_type
 * @flags: NLD_ROUTE_*
 * @owner_len: bytes, at the end of the tail
 * @tail: preferred source, owner
 *
 * Without a tail it fills one cache line.
 */
struct nld_route {
	struct nld_route __rcu *next;
	struct nld_node *node;
	struct nld_hopgroup *group;
	u64 generation;
	union {
		struct hlist_node by_group;
		struct rcu_head rcu;
	};
	u32 metric;
	u32 table;
	u8 protocol;
	u8 type;
	u8 flags;
	u8 owner_len;
	u8 tail[];
};

static_assert(offsetof(struct nld_route, tail) <= 64);

/**
 * struct nld_timed - a record that ends by itself
 * @node: in struct nld_net, timers
 * @expires: CLOCK_MONOTONIC
 * @route: the record
 */
struct nld_timed {
	struct rb_node node;
	ktime_t expires;
	struct nld_route route;	/* last, because of its tail */
};

struct nld_route *nld_route_alloc(enum nld_af af, bool prefsrc, bool timed,
				  u8 owner_len);
void *nld_route_memory(struct nld_route *route);
void nld_route_free_rcu(struct nld_route *route);
struct nld_route *nld_route_copy(const struct nld_route *route);
void nld_route_free(struct nld_route *route);
enum nld_af nld_route_af(const struct nld_route *route);
unsigned int nld_route_hops(const struct nld_route *route);
size_t nld_route_prefsrc_len(const struct nld_route *route);
const u8 *nld_route_owner(const struct nld_route *route);
bool nld_route_uses(const struct nld_route *route, u32 oif);
struct nld_timed *nld_route_timed(struct nld_route *route);
u32 nld_route_seconds_left(const struct nld_route *route);
size_t nld_route_bytes(const struct nld_route *route);
bool nld_route_same(const struct nld_route *a, const struct nld_route *b);

struct nld_hopgroup *nld_hopgroup_alloc(unsigned int hops);
size_t nld_hopgroup_bytes(const struct nld_hopgroup *group);

#endif /* _NLD_ROUTE_H */
