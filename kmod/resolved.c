// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resolved: the destination entries of next hops, kept for later packets
 *
 * What makes a destination entry (struct dst_entry) is a device and a gateway,
 * and both are the next hop's; so each next hop keeps the one of the last
 * packet, for either family, and the next packet borrows it under RCU. The
 * gateway never changes, and whoever borrows compares the device. So nothing
 * has to be told when routes, addresses or neighbours change.
 *
 * But an entry holds its device, and a device that is unregistered waits for
 * all who do. So a device knows the next hops that have one. When it goes,
 * they give theirs up at once, and keep no more: packets find no way to a
 * device that is unregistered, and those that found one before are waited for
 * between that and its announcement. A next hop whose group goes gives its own
 * up likewise. What a packet borrowed stays until it is out of RCU.
 *
 * This is done under the host's RTNL. So a device keeps no more than
 * MAX_KEPT; packets to further next hops get an entry of their own each, and
 * so do those to a gateway without a device, which may be behind another one
 * each time.
 */
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <net/dst.h>

#include "group.h"

#define MAX_KEPT	1024

/* With the device locked: a next hop has nothing any more; release @dst. */
static void take_all(struct nld_device *device, struct nld_hop *hop,
		     struct dst_entry *dst[NLD_AF_COUNT])
{
	bool any = false;
	enum nld_af af;

	for (af = 0; af < NLD_AF_COUNT; af++) {
		dst[af] = rcu_dereference_protected(hop->dst[af],
						    lockdep_is_held(&device->lock));
		if (!dst[af])
			continue;
		RCU_INIT_POINTER(hop->dst[af], NULL);
		device->kept--;
		any = true;
	}
	if (any)
		list_del(&hop->by_resolved);
}

static void release_all(struct dst_entry *dst[NLD_AF_COUNT])
{
	enum nld_af af;

	for (af = 0; af < NLD_AF_COUNT; af++)
		dst_release(dst[af]);
}

/**
 * nld_resolved_keep - keep a destination for the packets after this
 * @hop: the next hop, as a packet found it; under RCU
 * @af: the packets' family
 * @dst: the entry. The caller's reference stays the caller's.
 */
void nld_resolved_keep(struct nld_hop *hop, enum nld_af af,
		       struct dst_entry *dst)
{
	/* Freed no sooner than the group that the packet found. */
	struct nld_device *device = READ_ONCE(hop->device);
	struct dst_entry *old;

	if (!device)
		return;
	spin_lock_bh(&device->lock);
	old = rcu_dereference_protected(hop->dst[af],
					lockdep_is_held(&device->lock));
	/* The group may have gone, too, since it was found. */
	if (!hop->device || device->closed ||
	    (!old && device->kept >= MAX_KEPT)) {
		spin_unlock_bh(&device->lock);
		return;
	}
	if (!old) {
		if (!rcu_access_pointer(hop->dst[NLD_AF_INET]) &&
		    !rcu_access_pointer(hop->dst[NLD_AF_INET6]))
			list_add(&hop->by_resolved, &device->resolved);
		device->kept++;
	}
	dst_hold(dst);
	rcu_assign_pointer(hop->dst[af], dst);
	spin_unlock_bh(&device->lock);
	dst_release(old);
}

/* A next hop leaves its device: it has nothing and keeps nothing any more. */
void nld_resolved_drop(struct nld_hop *hop)
{
	struct nld_device *device = hop->device;
	struct dst_entry *dst[NLD_AF_COUNT];

	spin_lock_bh(&device->lock);
	WRITE_ONCE(hop->device, NULL);
	take_all(device, hop, dst);
	spin_unlock_bh(&device->lock);
	release_all(dst);
}

/* A device goes: none of its next hops has or keeps anything any more. */
void nld_resolved_close(struct nld_device *device)
{
	struct dst_entry *dst[NLD_AF_COUNT];
	struct nld_hop *hop;

	for (;;) {
		spin_lock_bh(&device->lock);
		device->closed = true;
		hop = list_first_entry_or_null(&device->resolved, struct nld_hop,
					       by_resolved);
		if (hop)
			take_all(device, hop, dst);
		spin_unlock_bh(&device->lock);
		if (!hop)
			return;
		release_all(dst);
	}
}
