/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module keeps for a network namespace; see net.c.
 */
#ifndef _NLD_NET_H
#define _NLD_NET_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/rbtree.h>
#include <linux/rhashtable-types.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "route.h"
#include "trie.h"
#include "uapi/nld.h"

#define NLD_VERSION	"0.1.0"

struct nld_link_stats;

/**
 * struct nld_stats - what NLD_MSG_STATS tells
 * @generation: of the last change
 * @routes: records there are, by family
 * @nodes: nodes of both tries
 * @bytes: of memory that records, timers, nodes and groups take
 * @created: records made
 * @replaced: records replaced
 * @deleted: records gone, for whatever cause
 * @expired: of these, expired
 * @device: of these, lost their device
 * @unannounced: announcements that could not be built
 */
struct nld_stats {
	u64 generation;
	u64 routes[NLD_AF_COUNT];
	u64 nodes;
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
 * @notifier: hears of its devices
 * @links: devices of kind nld; changed under RTNL
 * @forwarded: what became of packets, for each processor
 * @closing: the namespace ends, or the module goes: works stop
 * @lock: held by everything that changes what is below
 * @trie: the tables, by family
 * @groups: next hops, by their content
 * @devices: device index -> struct nld_device. Its lock guards @gone and what
 *	is @gone of a device, too, and is all that the notifier takes.
 * @gone: devices that went, and whose records have not gone yet
 * @departure: takes these out
 * @timers: ordered by time
 * @expiry: runs when the first timer is due
 * @changing: generation of the change that is being made, else @generation
 * @generation: generation of the last change that is complete
 * @routes: records, as far as limits go
 * @bytes: memory, as far as limits go
 * @stats_lock: guards what is below, so that readers need not wait for @lock
 * @stats: counters
 */
struct nld_net {
	struct net *net;
	struct sock *sock;
	struct sock *greet_sock;
	struct notifier_block notifier;
	unsigned int links;
	struct nld_link_stats __percpu *forwarded;
	bool closing;

	struct mutex lock;	/* see above */
	struct nld_trie trie[NLD_AF_COUNT];
	struct rhashtable groups;
	struct xarray devices;
	struct list_head gone;
	struct work_struct departure;
	struct rb_root_cached timers;
	struct delayed_work expiry;
	atomic64_t changing;
	atomic64_t generation;
	u64 routes;
	u64 bytes;

	spinlock_t stats_lock;	/* see above */
	struct nld_stats stats;
};

extern unsigned int nld_net_id;

/* With the mutex held. */
#define nld_deref(nn, p) \
	rcu_dereference_protected(p, lockdep_is_held(&(nn)->lock))

struct nld_net *nld_net(const struct net *net);
bool nld_net_foreign(const struct nld_net *nn);
int nld_no_protocol(const struct nld_net *nn, int number, const char *param);

#endif /* _NLD_NET_H */
