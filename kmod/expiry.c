// SPDX-License-Identifier: GPL-2.0-only
/*
 * Expiry: records that end by themselves
 *
 * The records of a namespace that have a time are in a tree, ordered by it,
 * and one work item runs when the first is due. A record that is replaced or
 * deleted takes its timer out, so what the work item finds is always there.
 */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "table.h"

static bool timer_before(struct rb_node *a, const struct rb_node *b)
{
	return ktime_before(rb_entry(a, struct nld_timer, node)->expires,
			    rb_entry(b, struct nld_timer, node)->expires);
}

static struct nld_timer *timer_first(struct nld_net *nn)
{
	struct rb_node *node = rb_first_cached(&nn->timers);

	return node ? rb_entry(node, struct nld_timer, node) : NULL;
}

static void timer_schedule(struct nld_net *nn)
{
	struct nld_timer *first = timer_first(nn);
	s64 left;

	if (!first)
		return;
	left = ktime_ms_delta(first->expires, ktime_get());
	left = clamp_t(s64, left, 0, NLD_MAX_EXPIRES * (s64)MSEC_PER_SEC);
	/* One tick more, so that it never runs just before the time. */
	mod_delayed_work(system_power_efficient_wq, &nn->expiry,
			 msecs_to_jiffies(left) + 1);
}

void nld_expiry_add(struct nld_net *nn, struct nld_timer *timer)
{
	if (rb_add_cached(&timer->node, &nn->timers, timer_before))
		timer_schedule(nn);
}

void nld_expiry_remove(struct nld_net *nn, struct nld_timer *timer)
{
	rb_erase_cached(&timer->node, &nn->timers);
	kfree_rcu(timer, rcu);
}

static void expire(struct work_struct *work)
{
	struct nld_net *nn = container_of(to_delayed_work(work), struct nld_net,
					  expiry);
	struct nld_change change = { .cause = NLD_CAUSE_EXPIRED };
	struct nld_timer *timer;
	unsigned int turn = 0;

	mutex_lock(&nn->lock);
	while ((timer = timer_first(nn)) &&
	       !ktime_after(timer->expires, ktime_get())) {
		change.af = timer->af;
		change.key = timer->key;
		change.old = nld_table_find(nn, timer->af, &timer->key,
					    timer->metric);
		if (WARN_ON_ONCE(!change.old || change.old->timer != timer)) {
			rb_erase_cached(&timer->node, &nn->timers);
			continue;
		}
		nld_table_change(nn, &change);
		if (!(++turn % NLD_TURN))
			nld_table_yield(nn);
	}
	timer_schedule(nn);
	mutex_unlock(&nn->lock);
}

void nld_expiry_init(struct nld_net *nn)
{
	nn->timers = RB_ROOT_CACHED;
	INIT_DELAYED_WORK(&nn->expiry, expire);
}

void nld_expiry_exit(struct nld_net *nn)
{
	cancel_delayed_work_sync(&nn->expiry);
}
