/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices and groups of next hops; see device.c and group.c.
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
 * @rcu: to free it
 */
struct nld_device {
	u32 ifindex;
	bool gone;
	struct list_head hops;
	struct list_head entry;
	struct rcu_head rcu;
};

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
