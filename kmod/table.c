// SPDX-License-Identifier: GPL-2.0-only
/*
 * The routing tables of one network namespace
 *
 * All changes go through table_change(), whatever their cause, under the
 * namespace's mutex: one record comes, goes, or takes another's place. It
 * counts the generation, keeps the indexes (groups, timers), the counters and
 * the limits right, and announces the change before the mutex is given up, so
 * that announcements are in the order of their generations. All that can
 * fail, or needs memory, is done before anything is changed.
 *
 * A reader under RCU sees a record whole or not at all, because records are
 * replaced and never written to. Whether the tables stood still while it read
 * several is told by two counters, as with a seqcount: it reads @generation
 * before and @changing after; a writer sets @changing before and @generation
 * after. (A seqcount itself would not do: its writers may not be preempted.)
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/netlink.h>

#include "group.h"
#include "limit.h"
#include "table.h"
#include "timer.h"

/**
 * table_find - the record of a metric at a prefix
 * @nn: the namespace, locked
 * @at: the prefix
 * @metric: the metric
 * @there: how many records the prefix has; or NULL
 *
 * Return: the record, or NULL.
 */
static struct nld_route *table_find(struct nld_net *nn,
				    const struct nld_cursor *at, u32 metric,
				    unsigned int *there)
{
	struct nld_node *node = nld_cursor_node(at);
	struct nld_route *route, *found = NULL;
	unsigned int count = 0;

	if (!node)
		goto out;
	for (route = nld_deref(nn, node->routes); route;
	     route = nld_deref(nn, route->next), count++)
		if (route->metric == metric)
			found = route;
out:
	if (there)
		*there = count;
	return found;
}

/* Changes */

static void change_link(struct nld_net *nn, struct nld_change *change)
{
	struct nld_trie *trie = &nn->trie[change->af];
	struct nld_route *new = change->new, *old = change->old, *at;
	struct nld_node *node = nld_cursor_node(&change->at);
	struct nld_route __rcu **link = &node->routes;

	if (new) {
		new->node = node;
		new->table = change->at.key.table;
	}
	if (!old && !rcu_access_pointer(*link)) {
		RCU_INIT_POINTER(new->next, NULL);
		nld_trie_insert(trie, &change->at, new);
		return;
	}
	while ((at = nld_deref(nn, *link))) {
		if (old ? at == old : at->metric > new->metric)
			break;
		link = &at->next;
	}
	if (old)
		at = nld_deref(nn, old->next);
	if (new) {
		RCU_INIT_POINTER(new->next, at);
		rcu_assign_pointer(*link, new);
	} else if (at || link != &node->routes) {
		rcu_assign_pointer(*link, at);
	} else {
		nld_trie_remove(trie, &change->at);
	}
}

static void change_count(struct nld_net *nn, const struct nld_change *change,
			 u64 generation)
{
	struct nld_stats *stats = &nn->stats;

	spin_lock(&nn->stats_lock);
	stats->generation = generation;
	stats->nodes = nn->trie[NLD_AF_INET].nodes + nn->trie[NLD_AF_INET6].nodes;
	stats->bytes = nn->bytes;
	if (change->new && change->old) {
		stats->replaced++;
	} else if (change->new) {
		stats->created++;
		stats->routes[change->af]++;
	} else {
		stats->deleted++;
		stats->routes[change->af]--;
		if (change->cause == NLD_CAUSE_EXPIRED)
			stats->expired++;
		else if (change->cause == NLD_CAUSE_DEVICE)
			stats->device++;
	}
	spin_unlock(&nn->stats_lock);
}

/* A record is no longer linked: out of the indexes, and away with it. */
static void change_drop(struct nld_net *nn, struct nld_route *old)
{
	if (old->group) {
		hlist_del(&old->by_group);
		nld_hopgroup_put(nn, old->group);
	}
	nld_timer_remove(nn, old);
	nld_route_free_rcu(old);
}

/**
 * table_change - one record comes, goes, or takes another's place
 * @nn: the namespace, locked
 * @change: the change
 *
 * Return: 0, or -ENOBUFS if the sender's echo is lost. All is done in both.
 */
static int table_change(struct nld_net *nn, struct nld_change *change)
{
	u64 generation = atomic64_read(&nn->generation) + 1;
	struct nld_trie *trie = &nn->trie[change->af];
	struct nld_route *old = change->old, *new = change->new;
	struct nld_put put = {
		.type = new ? NLD_MSG_ROUTE_NEW : NLD_MSG_ROUTE_DEL,
		.key = &change->at.key,
		.route = new ? new : old,
		.generation = generation,
		.announce = true,
		.cause = change->cause,
	};
	size_t nodes = trie->nodes, given = 0;
	struct nld_news news;
	int err;

	lockdep_assert_held(&nn->lock);
	if (new) {
		put.flags = old ? NLM_F_REPLACE : NLM_F_CREATE;
		new->generation = generation;
		if (new->group)
			hlist_add_head(&new->by_group, &new->group->routes);
		nld_timer_add(nn, new);
	}
	nld_news_prepare(nn, &news, &put, change->sender);

	atomic64_set(&nn->changing, generation);
	/* Who sees any of what follows sees this too; see dump.c. */
	smp_wmb();
	change_link(nn, change);
	atomic64_set_release(&nn->generation, generation);

	if (old) {
		given = nld_route_bytes(old);
		change_drop(nn, old);
	}
	if (trie->nodes < nodes)
		given += (nodes - trie->nodes) * nld_trie_node_size(trie);
	nld_limit_give(nn, old && !new, given);
	change_count(nn, change, generation);
	err = nld_news_send(nn, &news, &put, change->sender);
	nld_trie_reclaim(&change->at);
	return err;
}

static int table_check_new(struct nld_request *req, const struct nld_route *old,
			   unsigned int there)
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
	if (!old && there >= NLD_MAX_METRICS) {
		NL_SET_ERR_MSG_ATTR(req->extack, req->tb[NLD_A_METRIC],
				    "limit of routes to one prefix is reached (256 metrics)");
		return -ENOSPC;
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
		.key = &req->key,
		.route = route,
		.generation = route->generation,
	};
	struct nld_news news;

	nld_news_prepare(nn, &news, &put, &req->sender);
	return nld_news_send(nn, &news, &put, &req->sender);
}

/* The group of a record that is not in the tables yet becomes a shared one. */
static int table_share(struct nld_net *nn, struct nld_request *req,
		       struct nld_route *route)
{
	unsigned int bad = 0;
	int err;

	if (!route->group)
		return 0;
	err = nld_hopgroup_share(nn, &route->group, req->extack, &bad);
	if (err == -ENODEV)
		NL_SET_ERR_MSG_ATTR(req->extack,
				    nld_request_hop_attr(req, bad),
				    "no device with this index");
	return err;
}

/* Undo nld_hopgroup_share(), and free a record that did not get in. */
static void table_refuse(struct nld_net *nn, struct nld_route *route)
{
	struct nld_hopgroup *group = route->group;

	if (group && group->users) {
		route->group = NULL;
		nld_hopgroup_put(nn, group);
	}
	nld_route_free(route);
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
	struct nld_trie *trie = &nn->trie[req->af];
	struct nld_change change = {
		.af = req->af,
		.new = route,
		.cause = NLD_CAUSE_REQUEST,
		.sender = &req->sender,
	};
	unsigned int there;
	size_t bytes;
	int err;

	mutex_lock(&nn->lock);
	nld_trie_seek(trie, &req->key, &change.at);
	change.old = table_find(nn, &change.at, route->metric, &there);
	err = table_check_new(req, change.old, there);
	if (err)
		goto refuse;
	err = table_share(nn, req, route);
	if (err)
		goto refuse;
	if (change.old && !nld_route_timed(route) &&
	    nld_route_same(change.old, route)) {
		err = table_echo(nn, req, change.old);
		goto refuse;
	}
	err = nld_trie_prepare(trie, &change.at);
	if (err)
		goto refuse;
	bytes = nld_route_bytes(route) +
		nld_cursor_prepared(&change.at) * nld_trie_node_size(trie);
	err = nld_limit_take(nn, !change.old, bytes,
			     change.old ? nld_route_bytes(change.old) : 0,
			     req->extack);
	if (err)
		goto cancel;
	err = table_change(nn, &change);
	mutex_unlock(&nn->lock);
	return err;

cancel:
	nld_trie_cancel(&change.at);
refuse:
	table_refuse(nn, route);
	mutex_unlock(&nn->lock);
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
		.cause = NLD_CAUSE_REQUEST,
		.sender = &req->sender,
	};
	int err;

	mutex_lock(&nn->lock);
	nld_trie_seek(&nn->trie[req->af], &req->key, &change.at);
	change.old = table_find(nn, &change.at, req->metric, NULL);
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

/**
 * nld_table_replace - delete or replace a record that is there
 * @nn: the namespace, locked
 * @change: its cause and sender; all else is filled in
 * @old: the record
 * @new: one with the same key, its group not yet shared, the callee's from now
 *	on; NULL: none
 *
 * Without memory for the new one, or room in the limits, there is none.
 *
 * Return: 0, or -ENOBUFS if the sender's echo is lost.
 */
int nld_table_replace(struct nld_net *nn, struct nld_change *change,
		      struct nld_route *old, struct nld_route *new)
{
	unsigned int bad;
	struct nld_key key = { .table = old->table };

	change->af = nld_route_af(old);
	nld_node_key(&nn->trie[change->af], old->node, &key);
	nld_trie_seek(&nn->trie[change->af], &key, &change->at);
	if (new && (nld_hopgroup_share(nn, &new->group, NULL, &bad) ||
		    nld_limit_take(nn, 0, nld_route_bytes(new),
				   nld_route_bytes(old), NULL))) {
		table_refuse(nn, new);
		new = NULL;
	}
	change->old = old;
	change->new = new;
	return table_change(nn, change);
}

/* Walks */

/* Let other writers and the scheduler have their turn. */
void nld_table_yield(struct nld_net *nn)
{
	mutex_unlock(&nn->lock);
	cond_resched();
	mutex_lock(&nn->lock);
}

/* Delete what matches at one prefix; @seen counts what does not match, too. */
static int flush_node(struct nld_net *nn, struct nld_node *node,
		      const struct nld_key *key,
		      const struct nld_filter *filter, u64 until,
		      struct nld_change *change, unsigned int *seen)
{
	struct nld_route *route, *next;
	int err = 0, lost;

	/* The last record takes the node with it. */
	for (route = nld_deref(nn, node->routes); route; route = next) {
		next = nld_deref(nn, route->next);
		(*seen)++;
		if (route->generation > until ||
		    !nld_filter_match(filter, key, route))
			continue;
		lost = nld_table_replace(nn, change, route, NULL);
		err = err ? err : lost;
	}
	return err;
}

/**
 * nld_table_flush - delete what matches, one by one
 * @nn: the namespace
 * @filter: what
 * @sender: who asked
 *
 * Return: 0, -ECANCELED if the process is killed (netlink would answer nothing
 * to -EINTR, and somebody else may read the socket), or -ENOBUFS.
 */
int nld_table_flush(struct nld_net *nn, const struct nld_filter *filter,
		    const struct nld_sender *sender)
{
	struct nld_change change = { .cause = NLD_CAUSE_FLUSH, .sender = sender };
	unsigned int seen = 0;
	struct nld_node *node;
	struct nld_key key;
	enum nld_af af;
	int err = 0, lost;
	u64 until;

	mutex_lock(&nn->lock);
	until = atomic64_read(&nn->generation);
	for (af = 0; af < NLD_AF_COUNT; af++) {
		struct nld_trie *trie = &nn->trie[af];
		bool after = false;

		if (!(filter->families & BIT(af)))
			continue;
		nld_filter_start(filter, &key);
		for (; (node = nld_trie_next(trie, &key, after, NULL)); after = true) {
			if (!nld_filter_inside(filter, &key))
				break;
			lost = flush_node(nn, node, &key, filter, until,
					  &change, &seen);
			err = err ? err : lost;
			if (seen < NLD_TURN)
				continue;
			seen = 0;
			if (fatal_signal_pending(current)) {
				err = -ECANCELED;
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
	spin_lock_init(&nn->stats_lock);
	nld_trie_init(&nn->trie[NLD_AF_INET], &nn->lock, 1);
	nld_trie_init(&nn->trie[NLD_AF_INET6], &nn->lock, 4);
	nn->timers = RB_ROOT_CACHED;
	/* Generation 0 would not be a condition, and would hide an interruption. */
	atomic64_set(&nn->changing, 1);
	atomic64_set(&nn->generation, 1);
	nn->stats.generation = 1;
}

static void free_routes(struct nld_node *node, void *data)
{
	struct nld_route *route = rcu_dereference_protected(node->routes, true);

	while (route) {
		struct nld_route *next = rcu_dereference_protected(route->next, true);

		/* Its group goes with all groups. */
		kfree(nld_route_memory(route));
		route = next;
	}
}

/* Nobody can ask, read or change any more, and no work runs. */
void nld_table_exit(struct nld_net *nn)
{
	enum nld_af af;

	for (af = 0; af < NLD_AF_COUNT; af++)
		nld_trie_exit(&nn->trie[af], free_routes, NULL);
	nld_limit_give(nn, nn->routes, nn->bytes);
}
