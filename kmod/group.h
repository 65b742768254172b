/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices and groups of next hops, and what these were resolved to; see
 * device.c, group.c and resolved.c.
 */
#ifndef _NLD_GROUP_H
#define _NLD_GROUP_H

#include "net.h"

/**
 * struct nld_device - a device that next hops use
 * @ifindex: its index
 * @gone: it was unregistered, or moved to another namespace
 * @hops: what uses it, by their by_device
 * @entry: in struct nld_net, gone
 * @lock: guards what is below, and of its hops by_resolved and dst
 * @closed: nothing is kept any more
 * @resolved: its hops that have a destination
 * @kept: how many destinations these have
 * @rcu: to free it
 */
struct nld_device {
	u32 ifindex;
	bool gone;
	struct list_head hops;
	struct list_head entry;
	spinlock_t lock;	/* see above */
	bool closed;
	struct list_head resolved;
	unsigned int kept;
	struct rcu_head rcu;
};

void nld_resolved_keep(struct nld_hop *hop, enum nld_af af,
		       struct dst_entry *dst);
void nld_resolved_drop(struct nld_hop *hop);
void nld_resolved_close(struct nld_device *device);

void nld_devices_init(struct nld_net *nn);
void nld_devices_exit(struct nld_net *nn);
struct nld_device *nld_device_get(struct nld_net *nn, u32 ifindex);
void nld_device_put(struct nld_net *nn, struct nld_device *device);
bool nld_device_leave(struct nld_net *nn, u32 ifindex);
struct nld_device *nld_device_gone(struct nld_net *nn);
void nld_device_forget(struct nld_net *nn, struct nld_device *device);

int nld_hopgroups_init(struct nld_net *nn);
void nld_hopgroups_exit(struct nld_net *nn);
int nld_hopgroup_share(struct nld_net *nn, struct nld_hopgroup **group,
		       struct netlink_ext_ack *extack, unsigned int *bad);
void nld_hopgroup_put(struct nld_net *nn, struct nld_hopgroup *group);
struct nld_hopgroup *nld_hopgroup_of(struct nld_hop *hop);
struct nld_hopgroup *nld_hopgroup_left(const struct nld_hopgroup *group);

#endif /* _NLD_GROUP_H */
