// SPDX-License-Identifier: GPL-2.0-only
/*
 * Departure: the work that takes a device which went out of all records
 *
 * The device's removal is announced with the host's RTNL held, and anybody may
 * remove a device of his own that a million records use. So what is done then
 * is to mark it (see device.c); the records go here, in turns, on nobody's
 * account. It costs the device's own records and nothing else: they are found
 * by its next hops and their groups.
 */
#include <linux/netdevice.h>
#include <linux/workqueue.h>

#include "group.h"
#include "table.h"
#include "works.h"

static struct nld_route *first_route(struct nld_device *device)
{
	struct nld_hop *hop;

	hop = list_first_entry_or_null(&device->hops, struct nld_hop, by_device);
	if (!hop)
		return NULL;
	/* A group has records, except while one is on its way in. */
	return hlist_entry_safe(nld_hopgroup_of(hop)->routes.first,
				struct nld_route, by_group);
}

/* The record with the next hops it has left; NULL: none is, or no memory. */
static struct nld_route *what_is_left(const struct nld_route *route)
{
	struct nld_hopgroup *group = nld_hopgroup_left(route->group);
	struct nld_route *copy;

	if (!group)
		return NULL;
	copy = nld_route_copy(route);
	if (!copy) {
		kfree(group);
		return NULL;
	}
	copy->group = group;
	return copy;
}

static void depart(struct work_struct *work)
{
	struct nld_net *nn = container_of(work, struct nld_net, departure);
	struct nld_change change = { .cause = NLD_CAUSE_DEVICE };
	struct nld_device *device;
	struct nld_route *route;
	unsigned int turn = 0;

	mutex_lock(&nn->lock);
	while (!READ_ONCE(nn->closing) && (device = nld_device_gone(nn))) {
		route = first_route(device);
		if (!route) {
			nld_device_forget(nn, device);
			continue;
		}
		nld_table_replace(nn, &change, route, what_is_left(route));
		if (!(++turn % NLD_TURN))
			nld_table_yield(nn);
	}
	mutex_unlock(&nn->lock);
}

static int hear(struct notifier_block *nb, unsigned long event, void *ptr)
{
	const struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct nld_net *nn = container_of(nb, struct nld_net, notifier);

	/* Who stops to listen hears of all devices, and that is no news. */
	if (event != NETDEV_UNREGISTER || READ_ONCE(nn->closing))
		return NOTIFY_DONE;
	/* Said again while somebody holds it; its number may be another's then. */
	if (__dev_get_by_index(nn->net, dev->ifindex))
		return NOTIFY_DONE;
	if (nld_device_leave(nn, dev->ifindex))
		queue_work(system_unbound_wq, &nn->departure);
	return NOTIFY_DONE;
}

void nld_departure_init(struct nld_net *nn)
{
	INIT_WORK(&nn->departure, depart);
}

/* Before there is a socket, so that no device goes unheard. */
int nld_departure_listen(struct nld_net *nn)
{
	nn->notifier.notifier_call = hear;
	return register_netdevice_notifier_net(nn->net, &nn->notifier);
}

/* With nn->closing set. */
void nld_departure_exit(struct nld_net *nn)
{
	unregister_netdevice_notifier_net(nn->net, &nn->notifier);
	cancel_work_sync(&nn->departure);
}
