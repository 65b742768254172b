// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices: how many next hops use each, and what becomes of them
 *
 * A record may only name a device that is there. It is looked up under the
 * mutex; and a device that is unregistered is first made not to be found and
 * then announced to nld_devices_gone(), which takes the mutex. So a record is
 * either refused or found by that walk. While the module is being loaded
 * nothing is announced to it yet, and no device counts as there.
 */
#include <linux/netdevice.h>
#include <linux/xarray.h>
#include <net/netlink.h>

#include "message.h"
#include "table.h"

static int device_get(struct nld_net *nn, u32 oif)
{
	void *entry = xa_load(&nn->devices, oif);
	unsigned long count = entry ? xa_to_value(entry) : 0;

	return xa_err(xa_store(&nn->devices, oif, xa_mk_value(count + 1),
			       GFP_KERNEL_ACCOUNT));
}

static void device_put(struct nld_net *nn, u32 oif)
{
	void *entry = xa_load(&nn->devices, oif);
	unsigned long count;

	if (WARN_ON_ONCE(!entry))
		return;
	count = xa_to_value(entry);
	/* Writing over an entry, or erasing it, needs no memory. */
	if (count > 1)
		xa_store(&nn->devices, oif, xa_mk_value(count - 1), 0);
	else
		xa_erase(&nn->devices, oif);
}

static void put_hops(struct nld_net *nn, const struct nld_route *route,
		     unsigned int hops)
{
	while (hops--)
		if (route->hop[hops].oif)
			device_put(nn, route->hop[hops].oif);
}

/* Count a record's devices in; nothing is counted if it fails. */
int nld_devices_get(struct nld_net *nn, const struct nld_route *route)
{
	unsigned int i;
	int err;

	for (i = 0; i < route->hop_count; i++) {
		if (!route->hop[i].oif)
			continue;
		err = device_get(nn, route->hop[i].oif);
		if (err) {
			put_hops(nn, route, i);
			return err;
		}
	}
	return 0;
}

void nld_devices_put(struct nld_net *nn, const struct nld_route *route)
{
	put_hops(nn, route, route->hop_count);
}

/* Are all devices there that a request names? */
int nld_devices_check(struct nld_net *nn, struct nld_request *req,
		      const struct nld_route *route)
{
	unsigned int i;
	int err = 0;

	rcu_read_lock();
	for (i = 0; i < route->hop_count && !err; i++)
		if (route->hop[i].oif &&
		    (!READ_ONCE(nld_hears_devices) ||
		     !dev_get_by_index_rcu(nn->net, route->hop[i].oif)))
			err = -ENODEV;
	rcu_read_unlock();
	if (err)
		NL_SET_ERR_MSG_ATTR(req->extack,
				    nld_request_hop_attr(req, i - 1),
				    "no device with this index");
	return err;
}

/**
 * nld_devices_gone - take a device out of all records
 * @nn: the namespace
 * @oif: the device, which can no longer be looked up
 *
 * Costs nothing if no record uses it, and else a walk through the tables, as
 * in the kernel's FIB.
 */
void nld_devices_gone(struct nld_net *nn, u32 oif)
{
	struct nld_change change = { .cause = NLD_CAUSE_DEVICE };
	struct nld_route *route, *next;
	struct nld_node *node;
	unsigned int i, left;

	mutex_lock(&nn->lock);
	for (change.af = 0; change.af < NLD_AF_COUNT; change.af++) {
		struct nld_trie *trie = &nn->trie[change.af];
		bool after = false;

		memset(&change.key, 0, sizeof(change.key));
		for (; xa_load(&nn->devices, oif) &&
		     (node = nld_trie_next(trie, &change.key, after)); after = true) {
			nld_node_key(trie, node, &change.key);
			for (route = nld_deref(nn, node->routes); route; route = next) {
				next = nld_deref(nn, route->next);
				for (left = 0, i = 0; i < route->hop_count; i++)
					left += route->hop[i].oif != oif;
				if (left == route->hop_count)
					continue;

				change.old = route;
				change.new = left ? nld_route_without(route, oif) : NULL;
				/* Without memory it goes as a whole. */
				if (change.new && nld_devices_get(nn, change.new)) {
					nld_route_free(change.new);
					change.new = NULL;
				}
				nld_table_change(nn, &change);
			}
			cond_resched();
		}
	}
	mutex_unlock(&nn->lock);
}

void nld_devices_init(struct nld_net *nn)
{
	xa_init_flags(&nn->devices, XA_FLAGS_ACCOUNT);
}

void nld_devices_exit(struct nld_net *nn)
{
	xa_destroy(&nn->devices);
}
