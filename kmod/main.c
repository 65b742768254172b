// SPDX-License-Identifier: GPL-2.0-only
/*
 * nld: a routing table manager behind a netlink protocol of its own
 *
 * What it does, and how to talk to it, is told in uapi/nld.h. Here is only
 * its life: the module's, and each network namespace's. What starts in one
 * order ends in the other.
 *
 * Sockets that processes hold keep the module loaded, so nothing here has to
 * reckon with a request, a dump or a reader while the module goes. They keep
 * their namespace too.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/netlink.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "socket.h"
#include "table.h"

static int protocol = NETLINK_NLD;
module_param(protocol, int, 0444);
MODULE_PARM_DESC(protocol, "Netlink protocol number (default 31)");

static int greet_protocol;
module_param(greet_protocol, int, 0444);
MODULE_PARM_DESC(greet_protocol,
		 "Netlink protocol number of the legacy greeting (default 0: off)");

unsigned int nld_max_routes = 4 * 1024 * 1024;
module_param_named(max_routes, nld_max_routes, uint, 0644);
MODULE_PARM_DESC(max_routes,
		 "Routes on the whole host (default 4194304, 0: no limit)");

unsigned int nld_max_routes_netns = 2 * 1024 * 1024;
module_param_named(max_routes_netns, nld_max_routes_netns, uint, 0644);
MODULE_PARM_DESC(max_routes_netns,
		 "Routes in a network namespace (default 2097152, 0: no limit)");

static unsigned int nld_net_id __read_mostly;

/*
 * False while the module comes and its sockets are there already, but a device
 * that goes is not heard of; and while it goes, when it hears of all devices
 * at once and that is no news.
 */
bool nld_hears_devices;

struct nld_net *nld_net(const struct net *net)
{
	return net_generic(net, nld_net_id);
}

/**
 * nld_no_protocol - netlink_kernel_create() returned NULL, and does not say why
 * @nn: the namespace
 * @number: the protocol number
 * @param: the module parameter it came from
 *
 * The first namespace is where all modules compete for a number; who has it
 * there has it everywhere. So elsewhere it was memory, and nothing is logged,
 * because anybody may make namespaces.
 *
 * Return: the error.
 */
int nld_no_protocol(const struct nld_net *nn, int number, const char *param)
{
	if (!net_eq(nn->net, &init_net))
		return -ENOMEM;
	pr_err("netlink protocol %d is taken by another module (or there is no memory); choose another with the parameter %s\n",
	       number, param);
	return -EADDRINUSE;
}

static int __net_init nld_net_init(struct net *net)
{
	struct nld_net *nn = nld_net(net);
	int err;

	nn->net = net;
	nld_table_init(nn);
	err = nld_greet_init(nn, greet_protocol);
	if (err)
		goto exit_table;
	err = nld_socket_init(nn, protocol);
	if (err)
		goto exit_greet;
	return 0;

exit_greet:
	nld_greet_exit(nn);
exit_table:
	nld_table_exit(nn);
	return err;
}

static void __net_exit nld_net_exit(struct net *net)
{
	struct nld_net *nn = nld_net(net);

	nld_socket_exit(nn);
	nld_greet_exit(nn);
	nld_table_exit(nn);
}

static struct pernet_operations nld_net_ops = {
	.init = nld_net_init,
	.exit = nld_net_exit,
	.id = &nld_net_id,
	.size = sizeof(struct nld_net),
};

static int nld_netdev_event(struct notifier_block *nb, unsigned long event,
			    void *ptr)
{
	const struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	if (event == NETDEV_UNREGISTER && READ_ONCE(nld_hears_devices))
		nld_devices_gone(nld_net(dev_net(dev)), dev->ifindex);
	return NOTIFY_DONE;
}

static struct notifier_block nld_netdev_notifier = {
	.notifier_call = nld_netdev_event,
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
	err = register_netdevice_notifier(&nld_netdev_notifier);
	if (err)
		goto exit_net;
	WRITE_ONCE(nld_hears_devices, true);
	pr_info("version %s, ABI %d, netlink protocol %d\n", NLD_VERSION,
		NLD_ABI_VERSION, protocol);
	return 0;

exit_net:
	unregister_pernet_subsys(&nld_net_ops);
	return err;
}

static void __exit nld_exit(void)
{
	WRITE_ONCE(nld_hears_devices, false);
	unregister_netdevice_notifier(&nld_netdev_notifier);
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
MODULE_ALIAS_NET_PF_PROTO(PF_NETLINK, NETLINK_NLD);
