// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device through which packets reach the tables
 *
 *	ip link add via0 type nld
 *	ip link set via0 up
 *	ip route add default dev via0 table 100
 *	ip rule add from 192.0.2.0/24 lookup 100
 *
 * What is routed to such a device is looked up in the module's table of the
 * namespace (its main one, or the one that IFLA_NLD_TABLE names) and sent on
 * as the record says; see forward.c. All other traffic never meets it: to take
 * the rule away is to be where one was.
 *
 * Packets are taken at the very first of netfilter's POSTROUTING hooks, as
 * soon as the stack is about to send them by such a device, so that each
 * passes POSTROUTING once, with the device by which it really leaves. There
 * address translation takes place; were it done for this device, it would be
 * done for good. The hooks are there while the namespace has such a device.
 * What comes by another way (a packet socket, a kernel without netfilter) is
 * taken when it is transmitted.
 *
 * The device has no addresses of its own to resolve, no queue and no state: a
 * packet is sent on before transmission returns. It stays in its namespace.
 */
#include <linux/ethtool.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/version.h>
#include <net/addrconf.h>
#include <net/if_inet6.h>
#include <net/rtnetlink.h>

#include "forward.h"
#include "net.h"
#include "uapi/nld_link.h"

#define LINK_FEATURES	(NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_GSO_SOFTWARE | \
			 NETIF_F_HW_CSUM | NETIF_F_HIGHDMA)

static const struct net_device_ops link_netdev_ops;

/* Netfilter */

#if IS_ENABLED(CONFIG_NETFILTER)
static unsigned int link_postrouting(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	int err;

	if (state->out->netdev_ops != &link_netdev_ops)
		return NF_ACCEPT;
	err = nld_forward(state->out, state->net, state->sk, skb);
	return err ? NF_DROP_ERR(err) : NF_STOLEN;
}

static const struct nf_hook_ops link_hooks[] = {
	{
		.hook = link_postrouting,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_POST_ROUTING,
		.priority = NF_IP_PRI_FIRST,
	},
	{
		.hook = link_postrouting,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_POST_ROUTING,
		.priority = NF_IP6_PRI_FIRST,
	},
};

static int link_hook(struct net *net)
{
	return nf_register_net_hooks(net, link_hooks, ARRAY_SIZE(link_hooks));
}

static void link_unhook(struct net *net)
{
	nf_unregister_net_hooks(net, link_hooks, ARRAY_SIZE(link_hooks));
}
#else
static int link_hook(struct net *net)
{
	return 0;
}

static void link_unhook(struct net *net)
{
}
#endif

/* The device */

static netdev_tx_t link_xmit(struct sk_buff *skb, struct net_device *dev)
{
	if (nld_forward(dev, dev_net(dev), skb->sk, skb))
		kfree_skb(skb);
	return NETDEV_TX_OK;
}

static void link_get_stats64(struct net_device *dev,
			     struct rtnl_link_stats64 *stats)
{
	const struct nld_link *link = netdev_priv(dev);
	u64 sum[NLD_VERDICTS];

	nld_forward_sum(link->stats, sum);
	stats->tx_packets = sum[NLD_SENT];
	stats->tx_bytes = sum[NLD_BYTES];
	stats->tx_dropped = sum[NLD_BLACKHOLE] + sum[NLD_UNREACHABLE] +
			    sum[NLD_PROHIBIT] + sum[NLD_NOT_UNICAST];
	stats->tx_carrier_errors = sum[NLD_NO_ROUTE];
	stats->tx_errors = sum[NLD_NO_ROUTE] + sum[NLD_LOOP] +
			   sum[NLD_MALFORMED] + sum[NLD_NO_MEMORY];
}

static int link_init(struct net_device *dev)
{
	struct nld_link *link = netdev_priv(dev);
	struct nld_net *nn = nld_net(dev_net(dev));
	int err;

	link->stats = netdev_alloc_pcpu_stats(struct nld_link_stats);
	if (!link->stats)
		return -ENOMEM;
	if (!nn->links) {
		err = link_hook(nn->net);
		if (err) {
			free_percpu(link->stats);
			return err;
		}
	}
	WRITE_ONCE(nn->links, nn->links + 1);
	return 0;
}

static void link_uninit(struct net_device *dev)
{
	struct nld_net *nn = nld_net(dev_net(dev));

	WRITE_ONCE(nn->links, nn->links - 1);
	if (!nn->links)
		link_unhook(nn->net);
}

static void link_free(struct net_device *dev)
{
	struct nld_link *link = netdev_priv(dev);

	free_percpu(link->stats);
}

static int link_open(struct net_device *dev)
{
	struct inet6_dev *idev = __in6_dev_get(dev);

	/* It has nobody to talk to by a link-local address. */
	if (idev)
		WRITE_ONCE(idev->cnf.addr_gen_mode,
			   IN6_ADDR_GEN_MODE_NONE);
	return 0;
}

static const struct net_device_ops link_netdev_ops = {
	.ndo_init = link_init,
	.ndo_uninit = link_uninit,
	.ndo_open = link_open,
	.ndo_start_xmit = link_xmit,
	.ndo_get_stats64 = link_get_stats64,
};

/* ethtool -S, in the order of enum nld_verdict. */
static const char link_strings[NLD_VERDICTS][ETH_GSTRING_LEN] = {
	"sent", "sent_bytes", "blackhole", "unreachable", "prohibit",
	"no_route", "loop", "not_unicast", "malformed", "no_memory",
};

static int link_get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? NLD_VERDICTS : -EOPNOTSUPP;
}

static void link_get_strings(struct net_device *dev, u32 set, u8 *data)
{
	if (set == ETH_SS_STATS)
		memcpy(data, link_strings, sizeof(link_strings));
}

static void link_get_ethtool_stats(struct net_device *dev,
				   struct ethtool_stats *stats, u64 *data)
{
	const struct nld_link *link = netdev_priv(dev);

	nld_forward_sum(link->stats, data);
}

static const struct ethtool_ops link_ethtool_ops = {
	.get_link = ethtool_op_get_link,
	.get_sset_count = link_get_sset_count,
	.get_strings = link_get_strings,
	.get_ethtool_stats = link_get_ethtool_stats,
};

static void link_setup(struct net_device *dev)
{
	struct nld_link *link = netdev_priv(dev);

	link->table = NLD_TABLE_MAIN;
	dev->netdev_ops = &link_netdev_ops;
	dev->ethtool_ops = &link_ethtool_ops;
	dev->needs_free_netdev = true;
	dev->priv_destructor = link_free;

	dev->type = ARPHRD_NONE;
	dev->flags = IFF_NOARP;
	dev->mtu = ETH_DATA_LEN;
	dev->min_mtu = IPV4_MIN_MTU;
	dev->max_mtu = IP_MAX_MTU;
	/*
	 * No headroom is asked for: a packet that is forwarded would be copied for
	 * it, and the device by which it leaves may need none. That one asks.
	 */
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->features |= LINK_FEATURES;
	dev->hw_features |= LINK_FEATURES;
	netif_keep_dst(dev);
	/* Its table and its next hops are the namespace's. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	dev->lltx = true;
	dev->netns_immutable = true;
#else
	dev->features |= NETIF_F_LLTX | NETIF_F_NETNS_LOCAL;
#endif
}

/* Its configuration over rtnetlink */

static const struct nla_policy link_policy[IFLA_NLD_MAX + 1] = {
	[IFLA_NLD_TABLE] = NLA_POLICY_MIN(NLA_U32, 1),
};

static void link_set(struct net_device *dev, struct nlattr *data[])
{
	struct nld_link *link = netdev_priv(dev);

	if (data && data[IFLA_NLD_TABLE])
		WRITE_ONCE(link->table, nla_get_u32(data[IFLA_NLD_TABLE]));
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
static int link_newlink(struct net_device *dev,
			struct rtnl_newlink_params *params,
			struct netlink_ext_ack *extack)
{
	link_set(dev, params->data);
	return register_netdevice(dev);
}
#else
static int link_newlink(struct net *src_net, struct net_device *dev,
			struct nlattr *tb[], struct nlattr *data[],
			struct netlink_ext_ack *extack)
{
	link_set(dev, data);
	return register_netdevice(dev);
}
#endif

static int link_changelink(struct net_device *dev, struct nlattr *tb[],
			   struct nlattr *data[],
			   struct netlink_ext_ack *extack)
{
	link_set(dev, data);
	return 0;
}

static size_t link_get_size(const struct net_device *dev)
{
	return nla_total_size(sizeof(u32));
}

static int link_fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	const struct nld_link *link = netdev_priv(dev);

	return nla_put_u32(skb, IFLA_NLD_TABLE, READ_ONCE(link->table));
}

static struct rtnl_link_ops link_ops __read_mostly = {
	.kind = "nld",
	.priv_size = sizeof(struct nld_link),
	.setup = link_setup,
	.maxtype = IFLA_NLD_MAX,
	.policy = link_policy,
	.newlink = link_newlink,
	.changelink = link_changelink,
	.get_size = link_get_size,
	.fill_info = link_fill_info,
};

int nld_link_register(void)
{
	return rtnl_link_register(&link_ops);
}

/* Deletes the devices, and waits for the packets that are on their way. */
void nld_link_unregister(void)
{
	rtnl_link_unregister(&link_ops);
}
