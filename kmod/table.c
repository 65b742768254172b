// SPDX-License-Identifier: GPL-2.0-only
/*
 * The routing tables of one network namespace
 *
 * All changes go through table_change(), whatever their cause, under the
 * namespace's mutex: one record comes, goes, or takes another's place. It
 * counts the generation, keeps the indexes (devices, timers), the counters
 * and the limits right, and announces the change before the mutex is given
 * up, so that announcements are in the order of their generations. All that
 * can fail is done before anything is changed.
 *
 * A reader under RCU sees a record whole or not at all, because records are
 * replaced and never written to. Whether the tables stood still while it read
 * several is told by two counters, as with a seqcount: it reads @generation
 * before and @changing after; a writer sets @changing before and @generation
 * after. (A seqcount itself would not do: writers may sleep.)
 *
 * Devices: a record may only name a device that is there. It is looked up
 * under the mutex; and a device that is unregistered is first made not to be
 * found and then announced to nld_table_device_gone(), which takes the mutex.
 * So a record is either refused or found by that walk.
 */
#include <linux/ktime.h>
#include <linux/netdevice.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/netlink.h>

#include "message.h"
#include "socket.h"
#include "table.h"

/* Records between two offers of the mutex to other writers. */
#define TURN	256

/* Records of all namespaces. */
static atomic_t routes_total = ATOMIC_INIT(0);

#define table_deref(nn, p) \
	rcu_dereference_protected(p, lockdep_is_held(&(nn)->lock))

static struct nld_route *route_find(struct nld_net *nn, struct nld_node *node,
				    u32 metric)
{
	struct nld_route *route;

	if (!node)
		return NULL;
	for (route = table_deref(nn, node->routes); route;
	     route = table_deref(nn, route->next))
		if (route->metric == metric)
			return route;
	return NULL;
}

/* Devices: how many next hops use each */

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

static void route_put_devices(struct nld_net *nn, const struct nld_route *route,
			      unsigned int hops)
{
	while (hops--)
		if (route->hop[hops].oif)
			device_put(nn, route->hop[hops].oif);
}

static int route_get_devices(struct nld_net *nn, const struct nld_route *route)
{
	unsigned int i;
	int err;

	for (i = 0; i < route->hop_count; i++) {
		if (!route->hop[i].oif)
			continue;
		err = device_get(nn, route->hop[i].oif);
		if (err) {
			route_put_devices(nn, route, i);
			return err;
		}
	}
	return 0;
}

static int route_check_devices(struct nld_net *nn, struct nld_request *req,
			       const struct nld_route *route)
{
	unsigned int i;
	int err = 0;

	rcu_read_lock();
	for (i = 0; i < route->hop_count && !err; i++)
		if (route->hop[i].oif &&
		    !dev_get_by_index_rcu(nn->net, route->hop[i].oif))
			err = -ENODEV;
	rcu_read_unlock();
	if (err)
		NL_SET_ERR_MSG_ATTR(req->extack,
				    nld_request_hop_attr(req, i - 1),
				    "no device with this index");
	return err;
}

/* Timers */

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

static void timer_add(struct nld_net *nn, struct nld_timer *timer)
{
	if (rb_add_cached(&timer->node, &nn->timers, timer_before))
		timer_schedule(nn);
}

/* Changes */

/**
 * struct nld_change - one change of the tables
 * @af: the family
 * @key: table and prefix
 * @old: goes; NULL: created
 * @new: comes, with its devices held; NULL: deleted
 * @cause: enum nld_cause
 * @req: who asked; NULL: the kernel
 */
struct nld_change {
	enum nld_af af;
	struct nld_key key;
	struct nld_route *old;
	struct nld_route *new;
	u8 cause;
	const struct nld_request *req;
};

static int change_link(struct nld_net *nn, const struct nld_change *change)
{
	struct nld_trie *trie = &nn->trie[change->af];
	struct nld_route *new = change->new, *old = change->old, *at;
	struct nld_route __rcu **link;
	struct nld_node *node;

	if (!old) {
		RCU_INIT_POINTER(new->next, NULL);
		node = nld_trie_get(trie, &change->key, new);
		if (!node)
			return -ENOMEM;
		link = &node->routes;
		if (rcu_access_pointer(*link) == new)
			return 0;
	} else {
		node = nld_trie_exact(trie, &change->key);
		if (WARN_ON_ONCE(!node))
			return -ENOENT;
		link = &node->routes;
	}

	while ((at = table_deref(nn, *link))) {
		if (old ? at == old : at->metric > new->metric)
			break;
		link = &at->next;
	}
	if (old && WARN_ON_ONCE(!at))
		return -ENOENT;
	if (old)
		at = table_deref(nn, old->next);
	if (!new) {
		rcu_assign_pointer(*link, at);
		nld_trie_prune(trie, &change->key);
		return 0;
	}
	RCU_INIT_POINTER(new->next, at);
	rcu_assign_pointer(*link, new);
	return 0;
}

static void change_count(struct nld_net *nn, const struct nld_change *change)
{
	struct nld_stats *stats = &nn->stats;

	if (change->new)
		stats->bytes += nld_route_bytes(change->new);
	if (change->old)
		stats->bytes -= nld_route_bytes(change->old);

	if (change->new && change->old) {
		stats->replaced++;
	} else if (change->new) {
		stats->created++;
		stats->routes[change->af]++;
	} else {
		stats->deleted++;
		stats->routes[change->af]--;
		atomic_dec(&routes_total);
		if (change->cause == NLD_CAUSE_EXPIRED)
			stats->expired++;
		else if (change->cause == NLD_CAUSE_DEVICE)
			stats->device++;
	}
}

static int change_announce(struct nld_net *nn, const struct nld_change *change,
			   u64 generation)
{
	struct nld_put put = {
		.type = change->new ? NLD_MSG_ROUTE_NEW : NLD_MSG_ROUTE_DEL,
		.af = change->af,
		.key = &change->key,
		.route = change->new ? change->new : change->old,
		.generation = generation,
		.announce = true,
		.cause = change->cause,
	};

	if (change->new)
		put.flags = change->old ? NLM_F_REPLACE : NLM_F_CREATE;
	return nld_announce(nn, &put, change->req);
}

/*
 * Returns 0; or -ENOBUFS if all is done, but the sender's echo is lost; or
 * another error if nothing was changed, and @new is still the caller's.
 */
static int table_change(struct nld_net *nn, const struct nld_change *change)
{
	u64 generation = atomic64_read(&nn->generation) + 1;
	struct nld_route *old = change->old, *new = change->new;
	int err;

	lockdep_assert_held(&nn->lock);

	atomic64_set(&nn->changing, generation);
	/* Who sees any of what follows sees this too; see dump.c. */
	smp_wmb();
	if (new)
		new->generation = generation;
	err = change_link(nn, change);
	if (err) {
		atomic64_set(&nn->changing, generation - 1);
		return err;
	}
	atomic64_set_release(&nn->generation, generation);

	change_count(nn, change);
	if (new && new->timer)
		timer_add(nn, new->timer);
	err = change_announce(nn, change, generation);

	if (old) {
		route_put_devices(nn, old, old->hop_count);
		if (old->timer) {
			rb_erase_cached(&old->timer->node, &nn->timers);
			kfree_rcu(old->timer, rcu);
		}
		kfree_rcu(old, rcu);
	}
	return err;
}

/* Counts the record that is about to be created, in both limits. */
static int table_room(struct nld_net *nn, struct nld_request *req)
{
	unsigned int max = READ_ONCE(nld_max_routes_netns);

	if (max && nn->stats.routes[NLD_AF_INET] +
	    nn->stats.routes[NLD_AF_INET6] >= max) {
		NL_SET_ERR_MSG(req->extack,
			       "limit of routes in a namespace is reached (max_routes_netns)");
		return -ENOSPC;
	}

	max = min_t(unsigned int, READ_ONCE(nld_max_routes), INT_MAX);
	if (!atomic_add_unless(&routes_total, 1, max ? max : INT_MAX)) {
		NL_SET_ERR_MSG(req->extack,
			       "limit of routes on this host is reached (max_routes)");
		return -ENOSPC;
	}
	/* A limit that was lowered below what there is. */
	if (max && atomic_read(&routes_total) > max) {
		atomic_dec(&routes_total);
		NL_SET_ERR_MSG(req->extack,
			       "limit of routes on this host is reached (max_routes)");
		return -ENOSPC;
	}
	return 0;
}

static int table_check_new(struct nld_request *req, const struct nld_route *old)
{
	u16 flags = req->nlh->nlmsg_flags;

	if (old && !(flags & NLM_F_REPLACE)) {
		NL_SET_ERR_MSG(req->extack,
			       "a route with this prefix, table and metric exists");
		return -EEXIST;
	}
	if (!old && !(flags & NLM_F_CREATE)) {
		NL_SET_ERR_MSG(req->extack,
			       "no route with this prefix, table and metric to replace");
		return -ENOENT;
	}
	if (req->generation && (!old || old->generation != req->generation)) {
		NL_SET_ERR_MSG_ATTR(req->extack, req->tb[NLD_A_GENERATION],
				    "the route is not of this generation");
		return -ESTALE;
	}
	return 0;
}

/* The sender asked for an echo, and gets one though nothing changed. */
static int table_echo(struct nld_net *nn, struct nld_request *req,
		      struct nld_route *route)
{
	struct nld_put put = {
		.type = NLD_MSG_ROUTE_NEW,
		.flags = NLM_F_REPLACE,
		.af = req->af,
		.key = &req->key,
		.route = route,
		.generation = route->generation,
	};

	return nld_announce(nn, &put, req);
}

/**
 * nld_table_new - create or replace a record
 * @nn: the namespace
 * @req: the request
 * @route: the record, the callee's from now on
 *
 * Return: 0 or an error; see uapi/nld.h.
 */
int nld_table_new(struct nld_net *nn, struct nld_request *req,
		  struct nld_route *route)
{
	struct nld_change change = {
		.af = req->af,
		.key = req->key,
		.new = route,
		.cause = NLD_CAUSE_REQUEST,
		.req = req,
	};
	int err;

	mutex_lock(&nn->lock);
	change.old = route_find(nn, nld_trie_exact(&nn->trie[req->af], &req->key),
				route->metric);
	err = table_check_new(req, change.old);
	if (err)
		goto refuse;
	err = route_check_devices(nn, req, route);
	if (err)
		goto refuse;
	if (change.old && !change.old->timer && !route->timer &&
	    nld_route_same(change.old, route)) {
		err = table_echo(nn, req, change.old);
		goto refuse;
	}
	err = route_get_devices(nn, route);
	if (err)
		goto refuse;
	if (!change.old) {
		err = table_room(nn, req);
		if (err)
			goto put_devices;
	}
	err = table_change(nn, &change);
	if (err && err != -ENOBUFS)
		goto put_room;
	mutex_unlock(&nn->lock);
	return err;

put_room:
	if (!change.old)
		atomic_dec(&routes_total);
put_devices:
	route_put_devices(nn, route, route->hop_count);
refuse:
	mutex_unlock(&nn->lock);
	nld_route_free(route);
	return err;
}

/**
 * nld_table_delete - delete a record
 * @nn: the namespace
 * @req: the request
 *
 * Return: 0 or an error; see uapi/nld.h.
 */
int nld_table_delete(struct nld_net *nn, struct nld_request *req)
{
	struct nld_change change = {
		.af = req->af,
		.key = req->key,
		.cause = NLD_CAUSE_REQUEST,
		.req = req,
	};
	int err;

	mutex_lock(&nn->lock);
	change.old = route_find(nn, nld_trie_exact(&nn->trie[req->af], &req->key),
				req->metric);
	if (change.old) {
		err = nld_request_conditions(req, change.old);
		if (!err)
			err = table_change(nn, &change);
	} else {
		NL_SET_ERR_MSG(req->extack,
			       "no route with this prefix, table and metric");
		err = -ESRCH;
	}
	mutex_unlock(&nn->lock);
	return err;
}

/* Walks */

/* Let other writers and the scheduler have their turn. */
static void table_yield(struct nld_net *nn)
{
	mutex_unlock(&nn->lock);
	cond_resched();
	mutex_lock(&nn->lock);
}

/**
 * nld_table_flush - delete what matches, one by one
 * @nn: the namespace
 * @filter: what
 * @req: the request
 *
 * Return: 0, -EINTR or -ENOBUFS.
 */
int nld_table_flush(struct nld_net *nn, const struct nld_filter *filter,
		    struct nld_request *req)
{
	struct nld_change change = { .cause = NLD_CAUSE_FLUSH, .req = req };
	struct nld_route *route, *next;
	struct nld_node *node;
	unsigned int turn = 0;
	int err = 0, lost;
	u64 until;

	mutex_lock(&nn->lock);
	until = atomic64_read(&nn->generation);
	for (change.af = 0; change.af < NLD_AF_COUNT; change.af++) {
		struct nld_trie *trie = &nn->trie[change.af];
		bool after = false;

		if (!(filter->families & BIT(change.af)))
			continue;
		nld_filter_start(filter, &change.key);
		for (; (node = nld_trie_next(trie, &change.key, after)); after = true) {
			nld_node_key(trie, node, &change.key);
			if (!nld_filter_inside(filter, &change.key))
				break;
			/* The last record takes the node with it. */
			for (route = table_deref(nn, node->routes); route; route = next) {
				next = table_deref(nn, route->next);
				if (route->generation > until ||
				    !nld_filter_match(filter, &change.key, route))
					continue;
				change.old = route;
				lost = table_change(nn, &change);
				err = err ? err : lost;
			}
			if (++turn % TURN)
				continue;
			if (fatal_signal_pending(current)) {
				err = -EINTR;
				goto out;
			}
			table_yield(nn);
		}
	}
out:
	mutex_unlock(&nn->lock);
	return err;
}

/**
 * nld_table_device_gone - take a device out of all records
 * @nn: the namespace
 * @oif: the device, which can no longer be looked up
 *
 * Costs nothing if no record uses it, and else a walk through the tables, as
 * in the kernel's FIB.
 */
void nld_table_device_gone(struct nld_net *nn, u32 oif)
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
			for (route = table_deref(nn, node->routes); route; route = next) {
				next = table_deref(nn, route->next);
				for (left = 0, i = 0; i < route->hop_count; i++)
					left += route->hop[i].oif != oif;
				if (left == route->hop_count)
					continue;

				change.old = route;
				change.new = left ? nld_route_without(route, oif) : NULL;
				/* Without memory it goes as a whole. */
				if (change.new && route_get_devices(nn, change.new)) {
					nld_route_free(change.new);
					change.new = NULL;
				}
				table_change(nn, &change);
			}
			cond_resched();
		}
	}
	mutex_unlock(&nn->lock);
}

static void table_expire(struct work_struct *work)
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
		change.old = route_find(nn, nld_trie_exact(&nn->trie[timer->af],
							   &timer->key),
					timer->metric);
		if (WARN_ON_ONCE(!change.old || change.old->timer != timer)) {
			rb_erase_cached(&timer->node, &nn->timers);
			continue;
		}
		table_change(nn, &change);
		if (!(++turn % TURN))
			table_yield(nn);
	}
	timer_schedule(nn);
	mutex_unlock(&nn->lock);
}

/* Life */

void nld_table_init(struct nld_net *nn)
{
	mutex_init(&nn->lock);
	nld_trie_init(&nn->trie[NLD_AF_INET], &nn->lock, 2);
	nld_trie_init(&nn->trie[NLD_AF_INET6], &nn->lock, 5);
	xa_init_flags(&nn->devices, XA_FLAGS_ACCOUNT);
	nn->timers = RB_ROOT_CACHED;
	INIT_DELAYED_WORK(&nn->expiry, table_expire);
	/* Generation 0 would not be a condition, and would hide an interruption. */
	atomic64_set(&nn->changing, 1);
	atomic64_set(&nn->generation, 1);
}

static void free_routes(struct nld_node *node)
{
	struct nld_route *route = rcu_dereference_protected(node->routes, true);

	while (route) {
		struct nld_route *next = rcu_dereference_protected(route->next, true);

		nld_route_free(route);
		atomic_dec(&routes_total);
		route = next;
	}
}

/* The sockets are closed: nobody can ask, read or change any more. */
void nld_table_exit(struct nld_net *nn)
{
	enum nld_af af;

	cancel_delayed_work_sync(&nn->expiry);
	for (af = 0; af < NLD_AF_COUNT; af++)
		nld_trie_exit(&nn->trie[af], free_routes);
	xa_destroy(&nn->devices);
}
