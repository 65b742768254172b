// SPDX-License-Identifier: GPL-2.0-only
/*
 * Expiry: the work that deletes records whose time is over
 *
 * It announces what it deletes, so it ends before the namespace's socket does.
 */
#include "table.h"
#include "timer.h"
#include "works.h"

static void expire(struct work_struct *work)
{
	struct nld_net *nn = container_of(to_delayed_work(work), struct nld_net,
					  expiry);
	struct nld_change change = { .cause = NLD_CAUSE_EXPIRED };
	struct nld_route *route;
	unsigned int turn = 0;

	mutex_lock(&nn->lock);
	while (!READ_ONCE(nn->closing) && (route = nld_timer_due(nn))) {
		nld_table_replace(nn, &change, route, NULL);
		if (!(++turn % NLD_TURN))
			nld_table_yield(nn);
	}
	nld_timer_schedule(nn);
	mutex_unlock(&nn->lock);
}

void nld_expiry_init(struct nld_net *nn)
{
	INIT_DELAYED_WORK(&nn->expiry, expire);
}

/* With nn->closing set, so that nothing arms it again. */
void nld_expiry_exit(struct nld_net *nn)
{
	cancel_delayed_work_sync(&nn->expiry);
}
