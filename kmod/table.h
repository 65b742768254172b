/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The routing tables of one network namespace; see table.c, device.c,
 * expiry.c, filter.c and route.c.
 */
#ifndef _NLD_TABLE_H
#define _NLD_TABLE_H

#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "trie.h"
#include "uapi/nld.h"

struct nld_request;

enum nld_af {
	NLD_AF_INET,
	NLD_AF_INET6,
	NLD_AF_COUNT
};

/**
 * struct nld_hop - one next hop
 * @oif: device index; 0: none
 * @weight: 1 to NLD_MAX_WEIGHT
 * @gateway_len: bytes of its gateway in the record's tail; 0: none
 * @pad: 0
 */
struct nld_hop {
	u32 oif;
	u16 weight;
	u8 gateway_len;
	u8 pad;
};

/**
 * struct nld_timer - when a record ends; most have none
 * @node: in struct nld_net, timers
 * @expires: CLOCK_MONOTONIC
 * @af: with @key and @metric, which record
 * @key: see @af
 * @metric: see @af
 * @rcu: freed with its record, because readers show what is left
 */
struct nld_timer {
	struct rb_node node;
	ktime_t expires;
	enum nld_af af;
	struct nld_key key;
	u32 metric;
	struct rcu_head rcu;
};

/**
 * struct nld_route - a record; never changed once it is published
 * @next: same prefix, next higher metric
 * @timer: NULL: does not expire
 * @generation: the change that made it
 * @rcu: to free it
 * @metric: from here on a plain value, so that two records can be compared
 *	byte by byte
 * @protocol: RTPROT_*
 * @type: enum nld_route_type
 * @owner_len: bytes, at the end of the tail
 * @prefsrc_len: bytes, before the owner
 * @tail_len: bytes behind this struct: hops, their gateways in the same
 *	order, preferred source, owner
 * @hop_count: 0 unless unicast
 * @pad: 0
 * @hop: the first part of the tail
 *
 * A record with a device and an IPv4 gateway fills 64 bytes.
 */
struct nld_route {
	struct nld_route __rcu *next;
	struct nld_timer *timer;
	u64 generation;
	struct rcu_head rcu;
	u32 metric;
	u8 protocol;
	u8 type;
	u8 owner_len;
	u8 prefsrc_len;
	u16 tail_len;
	u8 hop_count;
	u8 pad;
	struct nld_hop hop[];
};

/**
 * struct nld_stats - what NLD_MSG_STATS tells
 * @routes: records there are, by family
 * @bytes: asked of the allocator for records and timers
 * @created: records made
 * @replaced: records replaced
 * @deleted: records gone, for whatever cause
 * @expired: of these, expired
 * @device: of these, lost their device
 * @unannounced: announcements that could not be built
 */
struct nld_stats {
	u64 routes[NLD_AF_COUNT];
	u64 bytes;
	u64 created;
	u64 replaced;
	u64 deleted;
	u64 expired;
	u64 device;
	u64 unannounced;
};

/**
 * struct nld_net - what the module keeps for a network namespace
 * @net: the namespace
 * @sock: the protocol's kernel socket
 * @greet_sock: the legacy greeting's; NULL: off
 * @lock: held by everything that changes what is below
 * @trie: the tables, by family
 * @devices: device index -> next hops that use it, as a value entry
 * @timers: ordered by time
 * @expiry: runs when the first timer is due
 * @changing: generation of the change that is being made, else @generation
 * @generation: generation of the last change that is complete
 * @stats: counters
 */
struct nld_net {
	struct net *net;
	struct sock *sock;
	struct sock *greet_sock;

	struct mutex lock;	/* see above */
	struct nld_trie trie[NLD_AF_COUNT];
	struct xarray devices;
	struct rb_root_cached timers;
	struct delayed_work expiry;
	atomic64_t changing;
	atomic64_t generation;
	struct nld_stats stats;
};

/**
 * struct nld_filter - what a dump or flush is about
 * @given: BIT(NLD_A_*) of what is asked for
 * @families: BIT(enum nld_af)
 * @prefix: table and address, as far as they are given
 * @metric: only if given
 * @oif: only if given
 * @protocol: only if given
 * @type: only if given
 * @owner_len: bytes in @owner
 * @owner: only if given
 */
struct nld_filter {
	u32 given;
	u8 families;
	struct nld_key prefix;
	u32 metric;
	u32 oif;
	u8 protocol;
	u8 type;
	u8 owner_len;
	u8 owner[NLD_MAX_OWNER];
};

/**
 * struct nld_change - one change of the tables
 * @af: the family
 * @key: table and prefix
 * @old: goes; NULL: created
 * @new: comes, with its devices held; NULL: deleted
 * @cause: enum nld_cause
 * @req: who asked; NULL: the kernel
 */
struct nld_change {
	enum nld_af af;
	struct nld_key key;
	struct nld_route *old;
	struct nld_route *new;
	u8 cause;
	const struct nld_request *req;
};

extern bool nld_hears_devices;
extern unsigned int nld_max_routes;
extern unsigned int nld_max_routes_netns;

void nld_table_init(struct nld_net *nn);
void nld_table_exit(struct nld_net *nn);

struct nld_route *nld_route_alloc(size_t tail_len);
void nld_route_free(struct nld_route *route);
const u8 *nld_route_gateways(const struct nld_route *route);
const u8 *nld_route_prefsrc(const struct nld_route *route);
const u8 *nld_route_owner(const struct nld_route *route);
bool nld_route_uses(const struct nld_route *route, u32 oif);
u32 nld_route_seconds_left(const struct nld_route *route);
size_t nld_route_bytes(const struct nld_route *route);
bool nld_route_same(const struct nld_route *a, const struct nld_route *b);
struct nld_route *nld_route_without(const struct nld_route *route, u32 oif);

int nld_table_new(struct nld_net *nn, struct nld_request *req,
		  struct nld_route *route);
int nld_table_delete(struct nld_net *nn, struct nld_request *req);
int nld_table_flush(struct nld_net *nn, const struct nld_filter *filter,
		    struct nld_request *req);

/* With the mutex held. */
#define nld_deref(nn, p) \
	rcu_dereference_protected(p, lockdep_is_held(&(nn)->lock))
#define NLD_TURN	256	/* records between two nld_table_yield() */
struct nld_route *nld_table_find(struct nld_net *nn, enum nld_af af,
				 const struct nld_key *key, u32 metric);
int nld_table_change(struct nld_net *nn, const struct nld_change *change);
void nld_table_yield(struct nld_net *nn);

void nld_devices_init(struct nld_net *nn);
void nld_devices_exit(struct nld_net *nn);
int nld_devices_check(struct nld_net *nn, struct nld_request *req,
		      const struct nld_route *route);
int nld_devices_get(struct nld_net *nn, const struct nld_route *route);
void nld_devices_put(struct nld_net *nn, const struct nld_route *route);
void nld_expiry_init(struct nld_net *nn);
void nld_expiry_exit(struct nld_net *nn);
void nld_expiry_add(struct nld_net *nn, struct nld_timer *timer);
void nld_expiry_remove(struct nld_net *nn, struct nld_timer *timer);

/* Takes the mutex. */
void nld_devices_gone(struct nld_net *nn, u32 oif);

/* Where a filter's walk begins in a trie, and whether it is still inside. */
void nld_filter_start(const struct nld_filter *filter, struct nld_key *key);
bool nld_filter_inside(const struct nld_filter *filter,
		       const struct nld_key *key);
bool nld_filter_match(const struct nld_filter *filter,
		      const struct nld_key *key, const struct nld_route *route);

#endif /* _NLD_TABLE_H */
