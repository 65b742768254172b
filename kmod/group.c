// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups of next hops, shared
 *
 * A million records lead to a few places. So next hops are kept apart from
 * records, once for each list of them that occurs in a namespace, and found
 * by their content, as in the kernel's own FIB. Each group knows its records
 * and each device its next hops: what a device takes with it when it goes is
 * found without a walk through the tables.
 *
 * A group that has a device which went is not found any more, so that no
 * record is added to it; a new device with the same number makes a new group.
 */
#include <linux/jhash.h>
#include <linux/netlink.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "group.h"
#include "limit.h"

/* A next hop from @oif on, which has no holes. */
#define HOP_CONTENT	offsetof(struct nld_hop, oif)
#define HOP_LEN		(sizeof(struct nld_hop) - HOP_CONTENT)

static_assert(sizeof(u32) + sizeof(u16) + 2 * sizeof(u8) + NLD_V6_LEN == HOP_LEN);
static_assert(HOP_LEN % sizeof(u32) == 0);

static const u32 *hop_content(const struct nld_hop *hop)
{
	return &hop->oif;
}

static u32 group_hash(const void *data, u32 len, u32 seed)
{
	const struct nld_hopgroup *group = data;
	unsigned int i;

	for (i = 0; i < group->hop_count; i++)
		seed = jhash2(hop_content(&group->hop[i]), HOP_LEN / sizeof(u32),
			      seed);
	return seed;
}

static bool hop_gone(const struct nld_hop *hop)
{
	return hop->device && READ_ONCE(hop->device->gone);
}

/* 0: the group in the table has the same next hops, and all are there. */
static int group_differs(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct nld_hopgroup *a = arg->key, *b = obj;
	unsigned int i;

	if (a->hop_count != b->hop_count)
		return 1;
	for (i = 0; i < a->hop_count; i++)
		if (memcmp(hop_content(&a->hop[i]), hop_content(&b->hop[i]),
			   HOP_LEN) || hop_gone(&b->hop[i]))
			return 1;
	return 0;
}

static const struct rhashtable_params group_params = {
	.head_offset = offsetof(struct nld_hopgroup, hash),
	.hashfn = group_hash,
	.obj_hashfn = group_hash,
	.obj_cmpfn = group_differs,
	.nelem_hint = 8,
	.automatic_shrinking = true,
};

static void put_devices(struct nld_net *nn, struct nld_hopgroup *group,
			unsigned int hops)
{
	while (hops--) {
		struct nld_hop *hop = &group->hop[hops];

		struct nld_device *device = hop->device;

		if (!device)
			continue;
		nld_resolved_drop(hop);
		list_del(&hop->by_device);
		nld_device_put(nn, device);
	}
}

static int get_devices(struct nld_net *nn, struct nld_hopgroup *group,
		       unsigned int *bad)
{
	unsigned int i;

	for (i = 0; i < group->hop_count; i++) {
		struct nld_hop *hop = &group->hop[i];
		struct nld_device *device;

		if (!hop->oif)
			continue;
		device = nld_device_get(nn, hop->oif);
		if (IS_ERR(device)) {
			put_devices(nn, group, i);
			*bad = i;
			return PTR_ERR(device);
		}
		hop->device = device;
		list_add_tail(&hop->by_device, &device->hops);
	}
	return 0;
}

/**
 * nld_hopgroup_share - find the group with these next hops, or share this one
 * @nn: the namespace, locked
 * @group: a group of nld_hopgroup_alloc(), the callee's if it succeeds; then, the
 *	shared one, which the caller puts back with nld_hopgroup_put()
 * @extack: where to say which limit is reached; or NULL
 * @bad: if a device is not there, the place of its next hop
 *
 * Return: 0, -ENODEV, -ENOSPC or -ENOMEM.
 */
int nld_hopgroup_share(struct nld_net *nn, struct nld_hopgroup **group,
		       struct netlink_ext_ack *extack, unsigned int *bad)
{
	struct nld_hopgroup *new = *group, *there;
	int err;

	lockdep_assert_held(&nn->lock);
	there = rhashtable_lookup_fast(&nn->groups, new, group_params);
	if (there) {
		kfree(new);
		there->users++;
		*group = there;
		return 0;
	}
	err = nld_limit_take(nn, 0, nld_hopgroup_bytes(new), 0, extack);
	if (err)
		return err;
	err = get_devices(nn, new, bad);
	if (err)
		goto give;
	err = rhashtable_insert_fast(&nn->groups, &new->hash, group_params);
	if (err) {
		put_devices(nn, new, new->hop_count);
		err = -ENOMEM;
		goto give;
	}
	new->users = 1;
	return 0;

give:
	nld_limit_give(nn, 0, nld_hopgroup_bytes(new));
	return err;
}

/* One record less, or one that was not made after all. */
void nld_hopgroup_put(struct nld_net *nn, struct nld_hopgroup *group)
{
	lockdep_assert_held(&nn->lock);
	if (--group->users)
		return;
	rhashtable_remove_fast(&nn->groups, &group->hash, group_params);
	put_devices(nn, group, group->hop_count);
	nld_limit_give(nn, 0, nld_hopgroup_bytes(group));
	kfree_rcu(group, rcu);
}

struct nld_hopgroup *nld_hopgroup_of(struct nld_hop *hop)
{
	return container_of(hop - hop->index, struct nld_hopgroup, hop[0]);
}

/* A group of the next hops whose devices are there, not shared; or NULL. */
struct nld_hopgroup *nld_hopgroup_left(const struct nld_hopgroup *group)
{
	struct nld_hopgroup *copy;
	unsigned int i, left = 0;

	/* No larger than what is left: that is what will be charged. */
	for (i = 0; i < group->hop_count; i++)
		left += !hop_gone(&group->hop[i]);
	if (!left)
		return NULL;
	copy = nld_hopgroup_alloc(left);
	if (!copy)
		return NULL;
	/* Fewer, if another device goes just now. */
	for (i = 0, left = 0; i < group->hop_count && left < copy->hop_count; i++) {
		const struct nld_hop *from = &group->hop[i];
		struct nld_hop *to = &copy->hop[left];

		if (hop_gone(from))
			continue;
		to->oif = from->oif;
		to->weight = from->weight;
		to->gateway_len = from->gateway_len;
		memcpy(to->gateway, from->gateway, sizeof(to->gateway));
		left++;
	}
	if (!left) {
		kfree(copy);
		return NULL;
	}
	copy->hop_count = left;
	/* Of one next hop the weight means nothing. */
	if (left == 1)
		copy->hop[0].weight = 1;
	return copy;
}

int nld_hopgroups_init(struct nld_net *nn)
{
	return rhashtable_init(&nn->groups, &group_params);
}

static void free_group(void *ptr, void *data)
{
	struct nld_hopgroup *group = ptr;
	unsigned int i;

	for (i = 0; i < group->hop_count; i++)
		if (group->hop[i].device)
			nld_resolved_drop(&group->hop[i]);
	kfree(group);
}

/* Nobody can reach any of them any more. */
void nld_hopgroups_exit(struct nld_net *nn)
{
	rhashtable_free_and_destroy(&nn->groups, free_group, NULL);
}
