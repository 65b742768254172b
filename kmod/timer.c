// SPDX-License-Identifier: GPL-2.0-only
/*
 * The records of a namespace that end by themselves, in a tree ordered by time
 *
 * One work item runs when the first is due (see expiry.c). A record that is
 * replaced or deleted takes its timer out, so what is found is always there.
 */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "timer.h"

/*
 * How far ahead the work is armed: a delay in jiffies that does not fit into
 * 31 bits would be taken for another. It runs, finds nothing due, and is armed
 * again.
 */
#define LONGEST_MS	(3600 * MSEC_PER_SEC)

static bool timer_before(struct rb_node *a, const struct rb_node *b)
{
	return ktime_before(rb_entry(a, struct nld_timed, node)->expires,
			    rb_entry(b, struct nld_timed, node)->expires);
}

static struct nld_timed *timer_first(struct nld_net *nn)
{
	struct rb_node *node = rb_first_cached(&nn->timers);

	return node ? rb_entry(node, struct nld_timed, node) : NULL;
}

/* Arm the work for the first timer, unless the namespace ends. */
void nld_timer_schedule(struct nld_net *nn)
{
	struct nld_timed *first = timer_first(nn);
	s64 left;

	if (!first || READ_ONCE(nn->closing))
		return;
	left = ktime_ms_delta(first->expires, ktime_get());
	left = clamp_t(s64, left, 0, LONGEST_MS);
	/* One tick more, so that it never runs just before the time. */
	mod_delayed_work(system_power_efficient_wq, &nn->expiry,
			 msecs_to_jiffies(left) + 1);
}

/* A record that is about to be in the tables; most do not end by themselves. */
void nld_timer_add(struct nld_net *nn, struct nld_route *route)
{
	struct nld_timed *timed = nld_route_timed(route);

	lockdep_assert_held(&nn->lock);
	if (timed && rb_add_cached(&timed->node, &nn->timers, timer_before))
		nld_timer_schedule(nn);
}

void nld_timer_remove(struct nld_net *nn, struct nld_route *route)
{
	struct nld_timed *timed = nld_route_timed(route);

	lockdep_assert_held(&nn->lock);
	if (timed)
		rb_erase_cached(&timed->node, &nn->timers);
}

/* The first record whose time is over, or NULL. */
struct nld_route *nld_timer_due(struct nld_net *nn)
{
	struct nld_timed *first = timer_first(nn);

	lockdep_assert_held(&nn->lock);
	if (!first || ktime_after(first->expires, ktime_get()))
		return NULL;
	return &first->route;
}
