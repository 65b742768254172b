/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sockets; see socket.c, dump.c and greet.c.
 */
#ifndef _NLD_SOCKET_H
#define _NLD_SOCKET_H

#include <linux/netlink.h>
#include <linux/skbuff.h>

#include "message.h"
#include "net.h"

int nld_socket_init(struct nld_net *nn, int protocol);
void nld_socket_exit(struct nld_net *nn);

int nld_dump_request(struct nld_net *nn, struct sk_buff *skb,
		     struct nld_request *req);

int nld_greet_init(struct nld_net *nn, int protocol);
void nld_greet_exit(struct nld_net *nn);
int nld_greet(struct sk_buff *skb, const struct nlmsghdr *nlh,
	      struct netlink_ext_ack *extack);

#endif /* _NLD_SOCKET_H */
