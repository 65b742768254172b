// SPDX-License-Identifier: GPL-2.0-only
/*
 * The greeting: of the protocol, and of programs that predate it
 *
 * The older ones know a protocol number (parameter greet_protocol=) and
 * nothing else. They send a message of type 0 without flags, from a socket
 * that they never bound, with their process id in nlmsg_pid, and wait for a
 * message of type NLMSG_DONE whose payload is the text.
 *
 * The answer goes to the port id that the kernel noted for the sending
 * socket. What the sender wrote into nlmsg_pid is not read: it could name
 * somebody else.
 */
#include <linux/netlink.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "message.h"
#include "socket.h"

int nld_greet(struct sk_buff *in, const struct nlmsghdr *in_nlh,
	      struct netlink_ext_ack *extack)
{
	struct nld_net *nn = nld_net(sock_net(in->sk));
	u32 portid = NETLINK_CB(in).portid;
	struct nlmsghdr *nlh;
	struct sk_buff *skb;
	int err;

	err = nld_parse_greet(in_nlh, extack);
	if (err)
		return err;
	skb = nlmsg_new(sizeof(struct nldmsg) +
			nla_total_size(sizeof(NLD_GREETING)), GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	nlh = nlmsg_put(skb, portid, in_nlh->nlmsg_seq, NLD_MSG_GREET,
			sizeof(struct nldmsg), 0);
	if (!nlh || nla_put_string(skb, NLD_GREET_TEXT, NLD_GREETING)) {
		kfree_skb(skb);
		return -EMSGSIZE;
	}
	memset(nlmsg_data(nlh), 0, sizeof(struct nldmsg));
	nlmsg_end(skb, nlh);
	return nlmsg_unicast(nn->sock, skb, portid);
}

static void legacy_rcv(struct sk_buff *in)
{
	struct nld_net *nn = nld_net(sock_net(in->sk));
	u32 portid = NETLINK_CB(in).portid;
	const struct nlmsghdr *in_nlh = nlmsg_hdr(in);
	struct nlmsghdr *nlh;
	struct sk_buff *skb;

	/* One message each time, as those programs send them. */
	if (!nlmsg_ok(in_nlh, in->len))
		return;
	skb = nlmsg_new(sizeof(NLD_GREETING), GFP_KERNEL);
	if (!skb) {
		/* No error can be answered here, and the sender waits. */
		WRITE_ONCE(NETLINK_CB(in).sk->sk_err, ENOBUFS);
		sk_error_report(NETLINK_CB(in).sk);
		return;
	}
	nlh = nlmsg_put(skb, portid, in_nlh->nlmsg_seq, NLMSG_DONE,
			sizeof(NLD_GREETING), 0);
	if (!nlh) {
		kfree_skb(skb);
		return;
	}
	memcpy(nlmsg_data(nlh), NLD_GREETING, sizeof(NLD_GREETING));
	nlmsg_end(skb, nlh);
	nlmsg_unicast(nn->greet_sock, skb, portid);
}

int nld_greet_init(struct nld_net *nn, int protocol)
{
	struct netlink_kernel_cfg cfg = { .input = legacy_rcv };

	if (!protocol)
		return 0;
	nn->greet_sock = netlink_kernel_create(nn->net, protocol, &cfg);
	if (nn->greet_sock)
		return 0;
	return nld_no_protocol(nn, protocol, "greet_protocol=");
}

void nld_greet_exit(struct nld_net *nn)
{
	netlink_kernel_release(nn->greet_sock);
	nn->greet_sock = NULL;
}
