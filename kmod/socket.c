// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocol's socket: requests in, answers and announcements out
 *
 * A request is carried out in the context of the process that sends it, one
 * message after the other. Readers are under RCU and wait for nobody; table.c
 * takes the namespace's mutex for each change.
 */
#include <linux/capability.h>
#include <linux/netlink.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "forward.h"
#include "limit.h"
#include "message.h"
#include "put.h"
#include "socket.h"
#include "table.h"

/* Room for the answer to a get, for all but the longest lists of next hops. */
#define USUAL_SIZE	512

/* Requests */

static int do_new(struct nld_net *nn, struct nld_request *req)
{
	struct nld_route *route;
	int err;

	err = nld_parse_new(req);
	if (err)
		return err;
	route = nld_request_route(req);
	if (IS_ERR(route))
		return PTR_ERR(route);
	err = nld_table_new(nn, req, route);
	if (err == -ENOBUFS)
		NL_SET_ERR_MSG(req->extack, "done, but without memory for the echo");
	return err;
}

static int do_delete(struct nld_net *nn, struct nld_request *req)
{
	int err;

	err = nld_parse_delete(req);
	if (err)
		return err;
	err = nld_table_delete(nn, req);
	if (err == -ENOBUFS)
		NL_SET_ERR_MSG(req->extack, "done, but without memory for the echo");
	return err;
}

static int do_flush(struct nld_net *nn, struct nld_request *req)
{
	struct nld_filter filter;
	int err;

	err = nld_parse_filter(req, &filter);
	if (err)
		return err;
	err = nld_table_flush(nn, &filter, &req->sender);
	if (err == -ENOBUFS)
		NL_SET_ERR_MSG(req->extack, "done, but without memory for an echo");
	if (err == -ECANCELED)
		NL_SET_ERR_MSG(req->extack,
			       "stopped because the process was killed; what is gone is gone");
	return err;
}

/*
 * Under RCU: the longest prefix's first record, and its node.
 *
 * A walk down during which several changes happen could miss a prefix that
 * came while it still saw that a longer one had gone, and so give an answer
 * that was right at no time. So it is done again if anything changed; a few
 * times only, because a lookup must not wait for writers.
 */
static const struct nld_route *get_longest(struct nld_net *nn,
					   const struct nld_request *req,
					   struct nld_node **node)
{
	const struct nld_trie *trie = &nn->trie[req->af];
	const struct nld_route *route;
	unsigned int again = 4;
	u64 before;

	for (;;) {
		/* Pairs with the end of table_change(). */
		before = atomic64_read_acquire(&nn->generation);
		*node = nld_trie_lookup(trie, &req->key);
		if (!*node)
			route = NULL;
		else
			route = rcu_dereference((*node)->routes);
		/* Pairs with the beginning of table_change(). */
		smp_rmb();
		if ((u64)atomic64_read(&nn->changing) == before)
			return route;
		/* A node that lost its records meanwhile is never an answer. */
		if ((route || !*node) && !again--)
			return route;
	}
}

/* Under RCU: the record that a get asks for, and its key. */
static const struct nld_route *get_find(struct nld_net *nn,
					struct nld_request *req)
{
	struct nld_trie *trie = &nn->trie[req->af];
	const struct nld_route *route = NULL;
	struct nld_node *node;

	if (req->flags & NLD_F_LOOKUP) {
		route = get_longest(nn, req, &node);
	} else {
		node = nld_trie_exact(trie, &req->key);
		if (node)
			route = rcu_dereference(node->routes);
		if (req->tb[NLD_A_METRIC])
			while (route && route->metric != req->metric)
				route = rcu_dereference(route->next);
	}
	if (route)
		nld_node_key(trie, node, &req->key);
	return route;
}

static int do_get(struct nld_net *nn, struct nld_request *req)
{
	bool lookup;
	struct nld_put put = {
		.portid = req->sender.portid,
		.seq = req->nlh->nlmsg_seq,
		.type = NLD_MSG_ROUTE_NEW,
		.key = &req->key,
	};
	size_t size = USUAL_SIZE;
	struct sk_buff *skb;
	struct nlmsghdr *nlh;
	struct nld_key key;
	int err;

	err = nld_parse_get(req);
	if (err)
		return err;
	lookup = req->flags & NLD_F_LOOKUP;
	key = req->key;
again:
	skb = nlmsg_new(size, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	req->key = key;
	rcu_read_lock();
	put.route = get_find(nn, req);
	if (!put.route) {
		rcu_read_unlock();
		kfree_skb(skb);
		if (lookup) {
			NL_SET_ERR_MSG(req->extack,
				       "no route in this table covers the destination");
			return -ENETUNREACH;
		}
		NL_SET_ERR_MSG(req->extack,
			       "no route with this prefix, table and metric");
		return -ESRCH;
	}
	put.generation = put.route->generation;
	nlh = nld_put_route(skb, &put);
	size = nld_put_size(put.route);
	rcu_read_unlock();
	if (!nlh) {
		kfree_skb(skb);
		goto again;
	}
	return nlmsg_unicast(nn->sock, skb, req->sender.portid);
}

static int do_info(struct nld_net *nn, struct sk_buff *in,
		   const struct nlmsghdr *in_nlh,
		   struct netlink_ext_ack *extack)
{
	u32 portid = NETLINK_CB(in).portid;
	struct nlmsghdr *nlh;
	struct sk_buff *skb;
	int err;

	err = nld_parse_empty(in_nlh, extack);
	if (err)
		return err;
	skb = nlmsg_new(USUAL_SIZE, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	nlh = nlmsg_put(skb, portid, in_nlh->nlmsg_seq, NLD_MSG_GET_INFO,
			sizeof(struct nldmsg), 0);
	if (!nlh)
		goto full;
	memset(nlmsg_data(nlh), 0, sizeof(struct nldmsg));
	if (nla_put_u32(skb, NLD_INFO_MAGIC, NLD_MAGIC) ||
	    nla_put_u32(skb, NLD_INFO_ABI, NLD_ABI_VERSION) ||
	    nla_put_u32(skb, NLD_INFO_FEATURES,
			NLD_FEATURE_NEXTHOPS | NLD_FEATURE_VIA |
			NLD_FEATURE_EXPIRES | NLD_FEATURE_OWNER |
			NLD_FEATURE_GENERATION | NLD_FEATURE_LOOKUP) ||
	    nla_put_string(skb, NLD_INFO_VERSION, NLD_VERSION) ||
	    nla_put_u32(skb, NLD_INFO_MAX_ROUTES, nld_limit_host()) ||
	    nla_put_u32(skb, NLD_INFO_MAX_ROUTES_NETNS,
			nld_limit_netns(nn)) ||
	    nla_put_u32(skb, NLD_INFO_MAX_NEXTHOPS, NLD_MAX_NEXTHOPS) ||
	    nla_put_u32(skb, NLD_INFO_MAX_OWNER, NLD_MAX_OWNER) ||
	    nla_put_u32(skb, NLD_INFO_MAX_EXPIRES, NLD_MAX_EXPIRES) ||
	    nla_put_u32(skb, NLD_INFO_MAX_METRICS, NLD_MAX_METRICS) ||
	    nla_put_u64_64bit(skb, NLD_INFO_MAX_BYTES,
			      nld_limit_bytes_host(), NLD_INFO_PAD) ||
	    nla_put_u64_64bit(skb, NLD_INFO_MAX_BYTES_NETNS,
			      nld_limit_bytes_netns(nn), NLD_INFO_PAD))
		goto full;
	nlmsg_end(skb, nlh);
	return nlmsg_unicast(nn->sock, skb, portid);

full:
	kfree_skb(skb);
	return -EMSGSIZE;
}

static int put_stats(struct sk_buff *skb, const struct nld_stats *stats,
		     unsigned int links, const u64 sum[NLD_VERDICTS])
{
	const struct {
		int type;
		u64 value;
	} list[] = {
		{ NLD_STATS_GENERATION, stats->generation },
		{ NLD_STATS_ROUTES4, stats->routes[NLD_AF_INET] },
		{ NLD_STATS_ROUTES6, stats->routes[NLD_AF_INET6] },
		{ NLD_STATS_NODES, stats->nodes },
		{ NLD_STATS_BYTES, stats->bytes },
		{ NLD_STATS_CREATED, stats->created },
		{ NLD_STATS_REPLACED, stats->replaced },
		{ NLD_STATS_DELETED, stats->deleted },
		{ NLD_STATS_EXPIRED, stats->expired },
		{ NLD_STATS_DEVICE, stats->device },
		{ NLD_STATS_UNANNOUNCED, stats->unannounced },
		{ NLD_STATS_LINKS, links },
		{ NLD_STATS_SENT, sum[NLD_SENT] },
		{ NLD_STATS_SENT_BYTES, sum[NLD_BYTES] },
		{ NLD_STATS_BLACKHOLE, sum[NLD_BLACKHOLE] },
		{ NLD_STATS_UNREACHABLE, sum[NLD_UNREACHABLE] },
		{ NLD_STATS_PROHIBIT, sum[NLD_PROHIBIT] },
		{ NLD_STATS_NO_ROUTE, sum[NLD_NO_ROUTE] },
		{ NLD_STATS_LOOP, sum[NLD_LOOP] },
		{ NLD_STATS_NOT_UNICAST, sum[NLD_NOT_UNICAST] },
		{ NLD_STATS_MALFORMED, sum[NLD_MALFORMED] },
		{ NLD_STATS_NO_MEMORY, sum[NLD_NO_MEMORY] },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(list); i++)
		if (nla_put_u64_64bit(skb, list[i].type, list[i].value,
				      NLD_STATS_PAD))
			return -EMSGSIZE;
	return 0;
}

static int do_stats(struct nld_net *nn, struct sk_buff *in,
		    const struct nlmsghdr *in_nlh,
		    struct netlink_ext_ack *extack)
{
	u32 portid = NETLINK_CB(in).portid;
	struct nld_stats stats;
	u64 sum[NLD_VERDICTS];
	struct nlmsghdr *nlh;
	struct sk_buff *skb;
	int err;

	err = nld_parse_empty(in_nlh, extack);
	if (err)
		return err;
	skb = nlmsg_new(USUAL_SIZE, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	nlh = nlmsg_put(skb, portid, in_nlh->nlmsg_seq, NLD_MSG_STATS,
			sizeof(struct nldmsg), 0);
	if (!nlh)
		goto full;
	memset(nlmsg_data(nlh), 0, sizeof(struct nldmsg));
	spin_lock(&nn->stats_lock);
	stats = nn->stats;
	spin_unlock(&nn->stats_lock);
	nld_forward_sum(nn->forwarded, sum);
	if (put_stats(skb, &stats, READ_ONCE(nn->links), sum))
		goto full;
	nlmsg_end(skb, nlh);
	return nlmsg_unicast(nn->sock, skb, portid);

full:
	kfree_skb(skb);
	return -EMSGSIZE;
}

/* Dispatch */

static int nld_rcv_msg(struct sk_buff *skb, struct nlmsghdr *nlh,
		       struct netlink_ext_ack *extack)
{
	struct nld_net *nn = nld_net(sock_net(skb->sk));
	struct nld_request req = {
		.nlh = nlh,
		.extack = extack,
		.sender = {
			.portid = NETLINK_CB(skb).portid,
			.seq = nlh->nlmsg_seq,
			.echo = nlmsg_report(nlh),
		},
	};

	switch (nlh->nlmsg_type) {
	case NLD_MSG_GREET:
		return nld_greet(skb, nlh, extack);
	case NLD_MSG_GET_INFO:
		return do_info(nn, skb, nlh, extack);
	case NLD_MSG_STATS:
		return do_stats(nn, skb, nlh, extack);
	case NLD_MSG_ROUTE_GET:
		if ((nlh->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)
			return nld_dump_request(nn, skb, &req);
		return do_get(nn, &req);
	case NLD_MSG_ROUTE_NEW:
	case NLD_MSG_ROUTE_DEL:
	case NLD_MSG_FLUSH:
		break;
	default:
		NL_SET_ERR_MSG(extack, "message type is not known");
		return -EOPNOTSUPP;
	}

	if (!netlink_net_capable(skb, CAP_NET_ADMIN)) {
		NL_SET_ERR_MSG(extack, "changing routes needs CAP_NET_ADMIN");
		return -EPERM;
	}
	switch (nlh->nlmsg_type) {
	case NLD_MSG_ROUTE_NEW:
		return do_new(nn, &req);
	case NLD_MSG_ROUTE_DEL:
		return do_delete(nn, &req);
	default:
		return do_flush(nn, &req);
	}
}

static void nld_rcv(struct sk_buff *skb)
{
	netlink_rcv_skb(skb, nld_rcv_msg);
}

int nld_socket_init(struct nld_net *nn, int protocol)
{
	struct netlink_kernel_cfg cfg = {
		.groups = NLD_GROUP_MAX,
		.flags = NL_CFG_F_NONROOT_RECV,
		.input = nld_rcv,
	};

	nn->sock = netlink_kernel_create(nn->net, protocol, &cfg);
	if (nn->sock)
		return 0;
	return nld_no_protocol(nn, protocol, "protocol=");
}

void nld_socket_exit(struct nld_net *nn)
{
	netlink_kernel_release(nn->sock);
	nn->sock = NULL;
}
