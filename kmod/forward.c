// SPDX-License-Identifier: GPL-2.0-only
/*
 * A packet's way through a table
 *
 * A packet that the kernel's own tables route to a device of kind nld (see
 * link.c) is looked up here: the longest prefix that covers its destination,
 * there the lowest metric, and of that record one next hop, chosen by the
 * hash of the flow. A next hop whose device is down or has no carrier is
 * passed over; if a record has no other, the next metric is asked, then the
 * next shorter prefix, as the kernel's own tables do.
 *
 * The packet then gets another destination entry (struct dst_entry), the next
 * hop's, and goes on as if the kernel's own table had given it that one:
 * neighbour resolution, netfilter, fragmentation and path MTU are the
 * stack's. Nothing is done again that was done before, so a forwarded packet
 * loses one TTL and not two.
 *
 * Everything here runs under RCU, in whatever context the packet comes. What
 * is kept between two packets is the destination entry, see resolved.c.
 */
#include <linux/inetdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/jhash.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>
#include <net/dst.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "forward.h"
#include "group.h"
#include "net.h"

/* The next hop that a packet takes, and its device. */
struct egress {
	struct nld_hop *hop;
	struct net_device *dev;
};

/* Counters */

static void count(struct nld_link_stats __percpu *where,
		  enum nld_verdict verdict, unsigned int bytes)
{
	struct nld_link_stats *stats;

	/* A packet that arrives would count in the middle of one from here. */
	local_bh_disable();
	stats = get_cpu_ptr(where);
	u64_stats_update_begin(&stats->syncp);
	u64_stats_inc(&stats->count[verdict]);
	if (verdict == NLD_SENT)
		u64_stats_add(&stats->count[NLD_BYTES], bytes);
	u64_stats_update_end(&stats->syncp);
	put_cpu_ptr(where);
	local_bh_enable();
}

/* What all processors counted. */
void nld_forward_sum(const struct nld_link_stats __percpu *where,
		     u64 sum[NLD_VERDICTS])
{
	unsigned int cpu, i;

	memset(sum, 0, NLD_VERDICTS * sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct nld_link_stats *stats = per_cpu_ptr(where, cpu);
		u64 here[NLD_VERDICTS];
		unsigned int start;

		do {
			start = u64_stats_fetch_begin(&stats->syncp);
			for (i = 0; i < NLD_VERDICTS; i++)
				here[i] = u64_stats_read(&stats->count[i]);
		} while (u64_stats_fetch_retry(&stats->syncp, start));
		for (i = 0; i < NLD_VERDICTS; i++)
			sum[i] += here[i];
	}
}

/* Next hops */

static struct net_device *device4(struct net *net, const u8 *gateway)
{
	struct flowi4 fl4 = { };
	struct net_device *dev = NULL;
	struct rtable *rt;

	memcpy(&fl4.daddr, gateway, sizeof(fl4.daddr));
	rt = ip_route_output_key(net, &fl4);
	if (IS_ERR(rt))
		return NULL;
	/* A gateway behind another gateway is none. */
	if (rt->rt_type == RTN_UNICAST && !rt->rt_uses_gateway)
		dev = rt->dst.dev;
	ip_rt_put(rt);
	return dev;
}

static struct net_device *device6(struct net *net, const u8 *gateway)
{
	struct net_device *dev = NULL;
	struct flowi6 fl6 = { };
	struct dst_entry *dst;

	if (!IS_ENABLED(CONFIG_IPV6))
		return NULL;
	memcpy(&fl6.daddr, gateway, sizeof(fl6.daddr));
	dst = ip6_route_output(net, NULL, &fl6);
	if (!dst->error && !(container_of(dst, struct rt6_info, dst)->rt6i_flags & RTF_GATEWAY))
		dev = dst->dev;
	dst_release(dst);
	return dev;
}

/* The device of a next hop, if a packet can go out by it now. */
static struct net_device *hop_device(struct net *net, const struct nld_hop *hop)
{
	struct net_device *dev;

	if (hop->oif)
		dev = dev_get_by_index_rcu(net, hop->oif);
	else if (hop->gateway_len == NLD_V4_LEN)
		dev = device4(net, hop->gateway);
	else
		dev = device6(net, hop->gateway);
	if (!dev || !netif_running(dev) || !netif_carrier_ok(dev))
		return NULL;
	return dev;
}

/*
 * One of the group's next hops that are alive, each with the share of the
 * flows that its weight says; false if none is.
 */
static bool choose(struct net *net, struct nld_hopgroup *group,
		   struct sk_buff *skb, struct egress *egress)
{
	u32 total = 0, at, passed = 0;
	unsigned int i;

	if (group->hop_count == 1) {
		egress->hop = &group->hop[0];
		egress->dev = hop_device(net, egress->hop);
		return egress->dev;
	}

	for (i = 0; i < group->hop_count; i++)
		if (hop_device(net, &group->hop[i]))
			total += group->hop[i].weight;
	if (!total)
		return false;

	/* Not the bare hash: the routers before this one may choose by that. */
	at = reciprocal_scale(jhash_1word(skb_get_hash(skb), total), total);
	for (i = 0; i < group->hop_count; i++) {
		struct nld_hop *hop = &group->hop[i];
		struct net_device *dev = hop_device(net, hop);

		if (!dev)
			continue;
		egress->hop = hop;
		egress->dev = dev;
		passed += hop->weight;
		if (at < passed)
			break;
	}
	/* None, if a device went down between the two rounds. */
	return egress->dev;
}

static enum nld_verdict verdict_of(const struct nld_route *route)
{
	switch (route->type) {
	case NLD_TYPE_BLACKHOLE:
		return NLD_BLACKHOLE;
	case NLD_TYPE_UNREACHABLE:
		return NLD_UNREACHABLE;
	case NLD_TYPE_PROHIBIT:
		return NLD_PROHIBIT;
	default:
		return NLD_SENT;
	}
}

/* Whether a device is of the same kind as one that is. */
static bool is_link(const struct net_device *dev, const struct net_device *link)
{
	return dev->netdev_ops == link->netdev_ops;
}

/* What the table says of a packet, and for NLD_SENT by which next hop. */
static enum nld_verdict look_up(const struct net_device *dev, struct net *net,
				struct sk_buff *skb, struct egress *egress)
{
	const struct nld_link *link = netdev_priv(dev);
	struct nld_net *nn = nld_net(net);
	enum nld_af af = NLD_AF_INET;
	struct nld_key key = { };
	struct nld_node *node;

	key.table = READ_ONCE(link->table);
	if (skb->protocol == htons(ETH_P_IP)) {
		key.word[0] = ip_hdr(skb)->daddr;
		key.bits = 32;
	} else {
		af = NLD_AF_INET6;
		memcpy(key.word, &ipv6_hdr(skb)->daddr, NLD_V6_LEN);
		key.bits = 128;
	}

	while ((node = nld_trie_lookup(&nn->trie[af], &key))) {
		const struct nld_route *route = rcu_dereference(node->routes);

		for (; route; route = rcu_dereference(route->next)) {
			enum nld_verdict verdict = verdict_of(route);

			if (verdict != NLD_SENT)
				return verdict;
			if (choose(net, route->group, skb, egress))
				return is_link(egress->dev, dev) ? NLD_LOOP :
								   NLD_SENT;
		}
		if (!node->bits)
			break;
		key.bits = node->bits - 1;
	}
	return NLD_NO_ROUTE;
}

/* Sending on */

static struct dst_entry *entry4(const struct egress *egress)
{
	struct rtable *rt;

	rt = rt_dst_alloc(egress->dev, 0, RTN_UNICAST, true);
	if (!rt)
		return NULL;
	if (egress->hop->gateway_len == NLD_V4_LEN) {
		rt->rt_uses_gateway = 1;
		rt->rt_gw_family = AF_INET;
		memcpy(&rt->rt_gw4, egress->hop->gateway, NLD_V4_LEN);
	} else if (egress->hop->gateway_len == NLD_V6_LEN) {
		rt->rt_uses_gateway = 1;
		rt->rt_gw_family = AF_INET6;
		memcpy(&rt->rt_gw6, egress->hop->gateway, NLD_V6_LEN);
	}
	return &rt->dst;
}

static struct dst_entry *entry6(struct net *net, const struct egress *egress)
{
	struct inet6_dev *idev = in6_dev_get(egress->dev);
	struct rt6_info *rt;

	if (!idev)
		return NULL;
	/* Not one of those whose number the kernel keeps down by refusing more. */
	rt = ip6_dst_alloc(net, egress->dev, DST_NOCOUNT);
	if (!rt) {
		in6_dev_put(idev);
		return NULL;
	}
	rt->dst.output = ip6_output;
	rt->rt6i_idev = idev;
	rt->rt6i_flags = RTF_UP;
	if (egress->hop->gateway_len == NLD_V6_LEN) {
		rt->rt6i_flags |= RTF_GATEWAY;
		memcpy(&rt->rt6i_gateway, egress->hop->gateway, NLD_V6_LEN);
	}
	return &rt->dst;
}

/* Whether what was kept leads where the next hop leads now. */
static bool still_right(const struct dst_entry *dst, enum nld_af af,
			const struct net_device *dev)
{
	if (dst->dev != dev)
		return false;
	/* Of IPv6, a device may begin anew: it was switched off and on. */
	return af == NLD_AF_INET ||
	       container_of(dst, struct rt6_info, dst)->rt6i_idev ==
	       __in6_dev_get(dev);
}

static enum nld_verdict send_on(struct net *net, struct sock *sk,
				struct sk_buff *skb, const struct egress *egress)
{
	enum nld_af af = NLD_AF_INET;
	struct dst_entry *dst;

	if (skb->protocol != htons(ETH_P_IP)) {
		af = NLD_AF_INET6;
		/* IPv6 has no neighbours by IPv4, and may be off on a device. */
		if (egress->hop->gateway_len == NLD_V4_LEN ||
		    !__in6_dev_get(egress->dev))
			return NLD_NO_ROUTE;
	}

	dst = rcu_dereference(egress->hop->dst[af]);
	if (dst && still_right(dst, af, egress->dev)) {
		skb_dst_drop(skb);
		skb_dst_set_noref(skb, dst);
	} else {
		dst = af == NLD_AF_INET ? entry4(egress) : entry6(net, egress);
		if (!dst)
			return NLD_NO_MEMORY;
		nld_resolved_keep(egress->hop, af, dst);
		skb_dst_drop(skb);
		skb_dst_set(skb, dst);
	}
	dst_output(net, sk, skb);
	return NLD_SENT;
}

/* Refusals */

static void answer4(struct sk_buff *skb, enum nld_verdict verdict)
{
	u8 code = ICMP_HOST_UNREACH;

	if (verdict == NLD_PROHIBIT)
		code = ICMP_PKT_FILTERED;
	else if (verdict == NLD_NO_ROUTE)
		code = ICMP_NET_UNREACH;
	icmp_send(skb, ICMP_DEST_UNREACH, code, 0);
}

static void answer6(struct sk_buff *skb, enum nld_verdict verdict)
{
	u8 code = ICMPV6_NOROUTE;

	if (verdict == NLD_PROHIBIT)
		code = ICMPV6_ADM_PROHIBITED;
	icmpv6_send(skb, ICMPV6_DEST_UNREACH, code, 0);
}

/* What a program on this host is told, as by the kernel's own tables. */
static int errno_of(enum nld_verdict verdict)
{
	switch (verdict) {
	case NLD_BLACKHOLE:
		return -EINVAL;
	case NLD_UNREACHABLE:
		return -EHOSTUNREACH;
	case NLD_PROHIBIT:
		return -EACCES;
	case NLD_NO_MEMORY:
		return -ENOBUFS;
	default:
		return -ENETUNREACH;
	}
}

static bool is_unicast(const struct sk_buff *skb)
{
	if (skb->protocol == htons(ETH_P_IP))
		return !ipv4_is_multicast(ip_hdr(skb)->daddr) &&
		       !ipv4_is_lbcast(ip_hdr(skb)->daddr);
	return !ipv6_addr_is_multicast(&ipv6_hdr(skb)->daddr);
}

static bool is_whole(struct sk_buff *skb)
{
	if (skb->protocol == htons(ETH_P_IP))
		return pskb_network_may_pull(skb, sizeof(struct iphdr)) &&
		       ip_hdr(skb)->version == 4;
	if (skb->protocol == htons(ETH_P_IPV6))
		return pskb_network_may_pull(skb, sizeof(struct ipv6hdr)) &&
		       ipv6_hdr(skb)->version == 6;
	return false;
}

/**
 * nld_forward - send a packet on as the table says, or refuse it
 * @dev: the device of kind nld that it was routed to
 * @net: its namespace
 * @sk: see dst_output()
 * @skb: the packet, its network header set
 *
 * Return: 0 if the packet is gone; or an error, and it is still the caller's,
 * who drops it.
 */
int nld_forward(struct net_device *dev, struct net *net, struct sock *sk,
		struct sk_buff *skb)
{
	enum nld_verdict verdict = NLD_MALFORMED;
	unsigned int bytes = skb->len;
	const struct nld_link *link = netdev_priv(dev);
	struct egress egress = { };

	rcu_read_lock();
	if (is_whole(skb)) {
		verdict = NLD_NOT_UNICAST;
		if (is_unicast(skb))
			verdict = look_up(dev, net, skb, &egress);
		if (verdict == NLD_SENT)
			verdict = send_on(net, sk, skb, &egress);
	}
	count(link->stats, verdict, bytes);
	count(nld_net(net)->forwarded, verdict, bytes);
	rcu_read_unlock();

	switch (verdict) {
	case NLD_SENT:
		return 0;
	case NLD_UNREACHABLE:
	case NLD_PROHIBIT:
	case NLD_NO_ROUTE:
		if (skb->protocol == htons(ETH_P_IP))
			answer4(skb, verdict);
		else
			answer6(skb, verdict);
		fallthrough;
	default:
		return errno_of(verdict);
	}
}

/* Life */

int nld_forward_init(struct nld_net *nn)
{
	nn->forwarded = netdev_alloc_pcpu_stats(struct nld_link_stats);
	return nn->forwarded ? 0 : -ENOMEM;
}

/* No packet is on its way any more. */
void nld_forward_exit(struct nld_net *nn)
{
	free_percpu(nn->forwarded);
}
