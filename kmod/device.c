// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices: which of them next hops use
 *
 * A next hop may only name a device that is there. The device is entered here
 * first and then looked up; and a device that is unregistered is first made
 * not to be found and then announced to nld_device_leave(), which looks here.
 * So a next hop is either refused or found by its device's departure. The
 * announcement comes with the host's RTNL held, so it takes no mutex and
 * walks through no records: it marks the device and takes it out of the index,
 * so that a new one may get its number, and gives up the destinations kept for
 * it (see resolved.c). What used it goes later, see departure.c.
 */
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "group.h"

static bool device_there(struct nld_net *nn, u32 ifindex)
{
	bool there;

	rcu_read_lock();
	there = dev_get_by_index_rcu(nn->net, ifindex);
	rcu_read_unlock();
	return there;
}

/**
 * nld_device_get - find or enter a device that a next hop is to use
 * @nn: the namespace, locked
 * @ifindex: its index
 *
 * Who adds nothing to the device's list of next hops puts it back with
 * nld_device_put().
 *
 * Return: the device; or ERR_PTR() of -ENODEV or -ENOMEM.
 */
struct nld_device *nld_device_get(struct nld_net *nn, u32 ifindex)
{
	struct nld_device *device;
	int err;

	lockdep_assert_held(&nn->lock);
	device = xa_load(&nn->devices, ifindex);
	if (device)
		return device;
	device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);
	if (!device)
		return ERR_PTR(-ENOMEM);
	device->ifindex = ifindex;
	INIT_LIST_HEAD(&device->hops);
	INIT_LIST_HEAD(&device->entry);
	spin_lock_init(&device->lock);
	INIT_LIST_HEAD(&device->resolved);
	err = xa_insert(&nn->devices, ifindex, device, GFP_KERNEL_ACCOUNT);
	if (err) {
		kfree(device);
		return ERR_PTR(err);
	}
	if (device_there(nn, ifindex))
		return device;
	nld_device_put(nn, device);
	return ERR_PTR(-ENODEV);
}

/* Forget a device that nothing uses; one that went is left to its departure. */
void nld_device_put(struct nld_net *nn, struct nld_device *device)
{
	bool gone;

	lockdep_assert_held(&nn->lock);
	if (!list_empty(&device->hops))
		return;
	xa_lock(&nn->devices);
	gone = device->gone;
	if (!gone)
		__xa_erase(&nn->devices, device->ifindex);
	xa_unlock(&nn->devices);
	if (!gone)
		kfree_rcu(device, rcu);
}

/**
 * nld_device_leave - a device was unregistered, and can't be looked up
 * @nn: the namespace
 * @ifindex: its index
 *
 * Return: whether something uses it.
 */
bool nld_device_leave(struct nld_net *nn, u32 ifindex)
{
	struct nld_device *device;

	/* As soon as it is among those that went it may be forgotten. */
	rcu_read_lock();
	xa_lock(&nn->devices);
	device = __xa_erase(&nn->devices, ifindex);
	if (device) {
		WRITE_ONCE(device->gone, true);
		list_add_tail(&device->entry, &nn->gone);
	}
	xa_unlock(&nn->devices);
	if (device)
		nld_resolved_close(device);
	rcu_read_unlock();
	return device;
}

/* The first device that went and has not been forgotten, or NULL. */
struct nld_device *nld_device_gone(struct nld_net *nn)
{
	struct nld_device *device;

	xa_lock(&nn->devices);
	device = list_first_entry_or_null(&nn->gone, struct nld_device, entry);
	xa_unlock(&nn->devices);
	return device;
}

/* Of a device that went: nothing uses it any more. */
void nld_device_forget(struct nld_net *nn, struct nld_device *device)
{
	lockdep_assert_held(&nn->lock);
	xa_lock(&nn->devices);
	list_del(&device->entry);
	xa_unlock(&nn->devices);
	kfree_rcu(device, rcu);
}

void nld_devices_init(struct nld_net *nn)
{
	xa_init_flags(&nn->devices, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&nn->gone);
}

/* Nobody can reach any of them any more, nor what used them. */
void nld_devices_exit(struct nld_net *nn)
{
	struct nld_device *device, *next;
	unsigned long index;

	xa_for_each(&nn->devices, index, device)
		kfree(device);
	xa_destroy(&nn->devices);
	list_for_each_entry_safe(device, next, &nn->gone, entry)
		kfree(device);
}
