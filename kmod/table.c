// SPDX-License-Identifier: GPL-2.0-only
/*
 * The routing tables of one network namespace
 *
 * All changes go through nld_table_change(), whatever their cause, under the
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
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/netlink.h>

#include "message.h"
#include "socket.h"
#include "table.h"

/* Records of all namespaces. */
static atomic_t routes_total = ATOMIC_INIT(0);

/* Under the mutex: the record of a key, or NULL. */
struct nld_route *nld_table_find(struct nld_net *nn, enum nld_af af,
				 const struct nld_key *key, u32 metric)
{
	struct nld_node *node = nld_trie_exact(&nn->trie[af], key);
	struct nld_route *route;

	if (!node)
		return NULL;
	for (route = nld_deref(nn, node->routes); route;
	     route = nld_deref(nn, route->next))
		if (route->metric == metric)
			return route;
	return NULL;
}

/* Changes */

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

	while ((at = nld_deref(nn, *link))) {
		if (old ? at == old : at->metric > new->metric)
			break;
		link = &at->next;
	}
	if (old && WARN_ON_ONCE(!at))
		return -ENOENT;
	if (old)
		at = nld_deref(nn, old->next);
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

/**
 * nld_table_change - one record comes, goes, or takes another's place
 * @nn: the namespace, locked
 * @change: the change
 *
 * Return: 0; or -ENOBUFS if all is done, but the sender's echo is lost; or
 * another error if nothing was changed, and the new record is still the
 * caller's.
 */
int nld_table_change(struct nld_net *nn, const struct nld_change *change)
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
		nld_expiry_add(nn, new->timer);
	err = change_announce(nn, change, generation);

	if (old) {
		nld_devices_put(nn, old);
		if (old->timer)
			nld_expiry_remove(nn, old->timer);
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
	change.old = nld_table_find(nn, req->af, &req->key, route->metric);
	err = table_check_new(req, change.old);
	if (err)
		goto refuse;
	err = nld_devices_check(nn, req, route);
	if (err)
		goto refuse;
	if (change.old && !change.old->timer && !route->timer &&
	    nld_route_same(change.old, route)) {
		err = table_echo(nn, req, change.old);
		goto refuse;
	}
	err = nld_devices_get(nn, route);
	if (err)
		goto refuse;
	if (!change.old) {
		err = table_room(nn, req);
		if (err)
			goto put_devices;
	}
	err = nld_table_change(nn, &change);
	if (err && err != -ENOBUFS)
		goto put_room;
	mutex_unlock(&nn->lock);
	return err;

put_room:
	if (!change.old)
		atomic_dec(&routes_total);
put_devices:
	nld_devices_put(nn, route);
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
	change.old = nld_table_find(nn, req->af, &req->key, req->metric);
	if (change.old) {
		err = nld_request_conditions(req, change.old);
		if (!err)
			err = nld_table_change(nn, &change);
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
void nld_table_yield(struct nld_net *nn)
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
			for (route = nld_deref(nn, node->routes); route; route = next) {
				next = nld_deref(nn, route->next);
				if (route->generation > until ||
				    !nld_filter_match(filter, &change.key, route))
					continue;
				change.old = route;
				lost = nld_table_change(nn, &change);
				err = err ? err : lost;
			}
			if (++turn % NLD_TURN)
				continue;
			if (fatal_signal_pending(current)) {
				err = -EINTR;
				goto out;
			}
			nld_table_yield(nn);
		}
	}
out:
	mutex_unlock(&nn->lock);
	return err;
}

/* Life */

void nld_table_init(struct nld_net *nn)
{
	mutex_init(&nn->lock);
	nld_trie_init(&nn->trie[NLD_AF_INET], &nn->lock, 2);
	nld_trie_init(&nn->trie[NLD_AF_INET6], &nn->lock, 5);
	nld_devices_init(nn);
	nld_expiry_init(nn);
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

	nld_expiry_exit(nn);
	for (af = 0; af < NLD_AF_COUNT; af++)
		nld_trie_exit(&nn->trie[af], free_routes);
	nld_devices_exit(nn);
}
