// SPDX-License-Identifier: GPL-2.0-only
/*
 * nld: a routing table manager behind a netlink protocol of its own
 *
 * What it does, and how to talk to it, is told in uapi/nld.h. Here is only
 * its life: the module's, and each network namespace's. What starts in one
 * order ends in the other.
 *
 * Sockets that processes hold keep the module loaded, and keep their
 * namespace: when either ends nobody can ask, and no request can arm a work.
 * What is left to end is what works by itself: it stops first, because it
 * announces what it does through the socket.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/netlink.h>
#include <net/net_namespace.h>

#include "forward.h"
#include "group.h"
#include "net.h"
#include "socket.h"
#include "table.h"
#include "works.h"

static int protocol = NETLINK_NLD;
module_param(protocol, int, 0444);
MODULE_PARM_DESC(protocol, "Netlink protocol number (default 31)");

static int greet_protocol;
module_param(greet_protocol, int, 0444);
MODULE_PARM_DESC(greet_protocol,
		 "Netlink protocol number of the legacy greeting (default 0: off)");

static int __net_init nld_net_init(struct net *net)
{
	struct nld_net *nn = nld_net(net);
	int err;

	nn->net = net;
	err = nld_forward_init(nn);
	if (err)
		return err;
	nld_table_init(nn);
	nld_devices_init(nn);
	err = nld_hopgroups_init(nn);
	if (err)
		goto exit_table;
	err = nld_greet_init(nn, greet_protocol);
	if (err)
		goto exit_groups;
	nld_expiry_init(nn);
	nld_departure_init(nn);
	err = nld_departure_listen(nn);
	if (err)
		goto exit_greet;
	err = nld_socket_init(nn, protocol);
	if (err)
		goto exit_works;
	return 0;

exit_works:
	WRITE_ONCE(nn->closing, true);
	nld_departure_exit(nn);
	nld_expiry_exit(nn);
exit_greet:
	nld_greet_exit(nn);
exit_groups:
	nld_hopgroups_exit(nn);
exit_table:
	nld_devices_exit(nn);
	nld_table_exit(nn);
	nld_forward_exit(nn);
	return err;
}

static void __net_exit nld_net_exit(struct net *net)
{
	struct nld_net *nn = nld_net(net);

	/* The departure of a device may arm the expiry; so this is the order. */
	WRITE_ONCE(nn->closing, true);
	nld_departure_exit(nn);
	nld_expiry_exit(nn);
	nld_socket_exit(nn);
	nld_greet_exit(nn);
	nld_hopgroups_exit(nn);
	nld_devices_exit(nn);
	nld_table_exit(nn);
	nld_forward_exit(nn);
}

static struct pernet_operations nld_net_ops = {
	.init = nld_net_init,
	.exit = nld_net_exit,
	.id = &nld_net_id,
	.size = sizeof(struct nld_net),
};

static int __init nld_init(void)
{
	int err;

	if (protocol < 1 || protocol >= MAX_LINKS) {
		pr_err("protocol=%d is not between 1 and %d\n", protocol,
		       MAX_LINKS - 1);
		return -EINVAL;
	}
	if (greet_protocol < 0 || greet_protocol >= MAX_LINKS ||
	    greet_protocol == protocol) {
		pr_err("greet_protocol=%d is not between 0 and %d, or the same as protocol=\n",
		       greet_protocol, MAX_LINKS - 1);
		return -EINVAL;
	}

	err = register_pernet_subsys(&nld_net_ops);
	if (err)
		return err;
	err = nld_link_register();
	if (err) {
		unregister_pernet_subsys(&nld_net_ops);
		return err;
	}
	pr_info("version %s, ABI %d, netlink protocol %d\n", NLD_VERSION,
		NLD_ABI_VERSION, protocol);
	return 0;
}

static void __exit nld_exit(void)
{
	/* Packets read the tables and hold no socket: they end first. */
	nld_link_unregister();
	unregister_pernet_subsys(&nld_net_ops);
	/*
	 * kfree_rcu() needs no code of ours to run later. If a callback of
	 * ours is ever handed to call_rcu(), this is what waits for it.
	 */
	rcu_barrier();
}

module_init(nld_init);
module_exit(nld_exit);

MODULE_DESCRIPTION("Routing table manager on a raw netlink protocol");
MODULE_AUTHOR("The nld authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(NLD_VERSION);
/*
 * No alias: the kernel would load the module for anybody who opens a socket
 * with its number.
 */
