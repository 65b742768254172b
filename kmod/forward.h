/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets through the tables; see link.c and forward.c.
 */
#ifndef _NLD_FORWARD_H
#define _NLD_FORWARD_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/u64_stats_sync.h>

struct nld_net;

/**
 * enum nld_verdict - what became of a packet, and what is counted
 * @NLD_SENT: handed on to the next hop's device
 * @NLD_BYTES: not a packet: the bytes of those sent
 * @NLD_BLACKHOLE: dropped, the record says so
 * @NLD_UNREACHABLE: dropped and answered, the record says so
 * @NLD_PROHIBIT: dropped and answered, the record says so
 * @NLD_NO_ROUTE: dropped and answered: no record covers it, or none of those
 *	that do has a device that is up
 * @NLD_LOOP: dropped: its next hop is a device of this kind
 * @NLD_NOT_UNICAST: dropped: multicast or broadcast
 * @NLD_MALFORMED: dropped: neither IPv4 nor IPv6
 * @NLD_NO_MEMORY: dropped
 * @NLD_VERDICTS: how many there are
 */
enum nld_verdict {
	NLD_SENT,
	NLD_BYTES,
	NLD_BLACKHOLE,
	NLD_UNREACHABLE,
	NLD_PROHIBIT,
	NLD_NO_ROUTE,
	NLD_LOOP,
	NLD_NOT_UNICAST,
	NLD_MALFORMED,
	NLD_NO_MEMORY,
	NLD_VERDICTS
};

struct nld_link_stats {
	u64_stats_t count[NLD_VERDICTS];
	struct u64_stats_sync syncp;
};

/**
 * struct nld_link - what a device of kind nld has of its own
 * @table: number of the table that packets are looked up in
 * @stats: a set for each processor
 */
struct nld_link {
	u32 table;
	struct nld_link_stats __percpu *stats;
};

int nld_forward_init(struct nld_net *nn);
void nld_forward_exit(struct nld_net *nn);
void nld_forward_sum(const struct nld_link_stats __percpu *stats,
		     u64 sum[NLD_VERDICTS]);
int nld_forward(struct net_device *dev, struct net *net, struct sock *sk,
		struct sk_buff *skb);

int nld_link_register(void);
void nld_link_unregister(void);

#endif /* _NLD_FORWARD_H */
