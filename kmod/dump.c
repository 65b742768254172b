// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dumps
 *
 * A dump holds neither the mutex nor RCU between two records that do not fit
 * into the same message, and goes on from the key of the first record that
 * did not fit. How it finds out that the tables changed meanwhile is told in
 * table.c.
 */
#include <linux/netlink.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "filter.h"
#include "message.h"
#include "net.h"
#include "put.h"
#include "socket.h"

/* Records of a dump between two looks at the scheduler and at signals. */
#define TURN		1024

/**
 * struct nld_dump - where a dump is; what struct netlink_callback has room for
 *	is a pointer to it
 * @filter: what it is about
 * @seq: of its first part
 * @turn: records since the last look at the scheduler
 * @metric: go on here, in @key
 * @key: go on here, or
 * @after: behind it
 * @inside: @key is set for this family
 * @af: the family
 * @walk: the way to @key, within a part
 */
struct nld_dump {
	struct nld_filter filter;
	u32 seq;
	unsigned int turn;
	u32 metric;
	struct nld_key key;
	bool after;
	bool inside;
	u8 af;
	struct nld_walk walk;
};

static struct nld_dump *dump_of(const struct netlink_callback *cb)
{
	return *(struct nld_dump **)cb->ctx;
}

/* The netlink core takes 0 for "does not tell". */
static u32 dump_seq(u64 generation)
{
	return (u32)generation ? (u32)generation : 1;
}

static int dump_put(struct sk_buff *skb, struct netlink_callback *cb,
		    const struct nld_route *route, u64 as_of)
{
	struct nld_dump *dump = dump_of(cb);
	struct nld_put put = {
		.portid = NETLINK_CB(cb->skb).portid,
		.seq = cb->nlh->nlmsg_seq,
		.type = NLD_MSG_ROUTE_NEW,
		.flags = NLM_F_MULTI,
		.key = &dump->key,
		.route = route,
		.generation = route->generation,
		.as_of = skb->len ? 0 : as_of,
	};
	struct nlmsghdr *nlh;

	if (dump->filter.given || hweight8(dump->filter.families) == 1)
		put.flags |= NLM_F_DUMP_FILTERED;
	nlh = nld_put_route(skb, &put);
	if (!nlh)
		return -EMSGSIZE;
	nl_dump_check_consistent(cb, nlh);
	/* Compare with the first part for ever: once interrupted, always so. */
	cb->prev_seq = dump->seq;
	return 0;
}

/* The records of one prefix, from dump->metric. */
static int dump_node(struct sk_buff *skb, struct netlink_callback *cb,
		     struct nld_node *node, u64 as_of)
{
	struct nld_dump *dump = dump_of(cb);
	const struct nld_route *route;

	for (route = rcu_dereference(node->routes); route;
	     route = rcu_dereference(route->next)) {
		dump->turn++;
		if (route->metric < dump->metric ||
		    !nld_filter_match(&dump->filter, &dump->key, route))
			continue;
		if (dump_put(skb, cb, route, as_of)) {
			dump->metric = route->metric;
			return -EMSGSIZE;
		}
	}
	return 0;
}

static int dump_family(struct net *net, struct sk_buff *skb,
		       struct netlink_callback *cb, u64 as_of)
{
	struct nld_dump *dump = dump_of(cb);
	struct nld_trie *trie = &nld_net(net)->trie[dump->af];
	struct nld_key here = dump->key;
	struct nld_node *node;
	int err = 0;

	rcu_read_lock();
	node = nld_trie_next(trie, &dump->key, dump->after, &dump->walk);
	while (node) {
		if (!nld_filter_inside(&dump->filter, &dump->key))
			break;
		/* The prefix it was to go on with is gone: its metric with it. */
		if (dump->key.table != here.table ||
		    dump->key.bits != here.bits ||
		    memcmp(dump->key.word, here.word, sizeof(here.word)))
			dump->metric = 0;
		here = dump->key;
		dump->after = false;
		err = dump_node(skb, cb, node, as_of);
		if (err)
			break;
		dump->after = true;
		dump->metric = 0;
		if (dump->turn < TURN) {
			node = nld_walk_on(trie, node, &dump->key, &dump->walk);
			continue;
		}
		dump->turn = 0;
		rcu_read_unlock();
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		rcu_read_lock();
		node = nld_trie_next(trie, &dump->key, true, &dump->walk);
	}
	rcu_read_unlock();
	return err;
}

static int nld_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nld_dump *dump = dump_of(cb);
	struct net *net = sock_net(cb->skb->sk);
	struct nld_net *nn = nld_net(net);
	int err = 0;
	u64 as_of;

	/* Pairs with the end of table_change(). */
	as_of = atomic64_read_acquire(&nn->generation);
	if (!dump->seq)
		dump->seq = dump_seq(as_of);
	cb->seq = dump_seq(as_of);
	cb->prev_seq = dump->seq;

	while (dump->af < NLD_AF_COUNT) {
		if (dump->filter.families & BIT(dump->af)) {
			if (!dump->inside)
				nld_filter_start(&dump->filter, &dump->key);
			dump->inside = true;
			err = dump_family(net, skb, cb, as_of);
			if (err)
				break;
		}
		dump->af++;
		dump->inside = false;
		dump->after = false;
		dump->metric = 0;
	}

	/* Pairs with the beginning of table_change(). */
	smp_rmb();
	if ((u64)atomic64_read(&nn->changing) != as_of)
		cb->seq = dump_seq(atomic64_read(&nn->changing));
	if (err == -EMSGSIZE && skb->len)
		return skb->len;
	return err;
}

static int nld_dump_start(struct netlink_callback *cb)
{
	struct nld_dump **dump = cb->data;

	BUILD_BUG_ON(sizeof(*dump) > sizeof(cb->ctx));
	/* From here on nld_dump_done() frees it. */
	*(struct nld_dump **)cb->ctx = *dump;
	*dump = NULL;
	cb->data = NULL;
	return 0;
}

static int nld_dump_done(struct netlink_callback *cb)
{
	kfree(dump_of(cb));
	return 0;
}

int nld_dump_request(struct nld_net *nn, struct sk_buff *skb,
		     struct nld_request *req)
{
	struct nld_dump *dump;
	struct netlink_dump_control control = {
		.start = nld_dump_start,
		.dump = nld_dump,
		.done = nld_dump_done,
		.data = &dump,
	};
	int err;

	dump = kzalloc(sizeof(*dump), GFP_KERNEL_ACCOUNT);
	if (!dump)
		return -ENOMEM;
	err = nld_parse_filter(req, &dump->filter);
	if (!err) {
		/* One record of the longest kind always fits. */
		control.min_dump_alloc = NLMSG_GOODSIZE;
		err = netlink_dump_start(nn->sock, skb, req->nlh, &control);
		if (err == -EBUSY)
			NL_SET_ERR_MSG(req->extack,
				       "this socket has a dump under way");
		if (err == -ENOBUFS)
			NL_SET_ERR_MSG(req->extack,
				       "no room for the first part; the dump goes on when the socket is read");
	}
	kfree(dump);
	return err;
}
