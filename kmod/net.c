// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the module keeps for a network namespace, and how it is found
 *
 * Everything else builds on this, so nothing of what it holds is known here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "net.h"

unsigned int nld_net_id __read_mostly;

struct nld_net *nld_net(const struct net *net)
{
	return net_generic(net, nld_net_id);
}

/* It belongs to another user namespace than the first: anybody may make one. */
bool nld_net_foreign(const struct nld_net *nn)
{
	return nn->net->user_ns != &init_user_ns;
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
