// SPDX-License-Identifier: GPL-2.0-only
/*
 * Announcements to the group, and echoes to whoever made the change
 *
 * An announcement is built before its change is made and sent when it is
 * complete, with the namespace's mutex held, so that announcements are in the
 * order of their generations. Sending neither waits for memory nor for a
 * listener whose queue is full: who misses one is told by its socket.
 */
#include <linux/netlink.h>
#include <net/netlink.h>

#include "notify.h"

static u32 news_group(const struct nld_put *put)
{
	return put->announce ? NLD_GROUP_ROUTE : 0;
}

/**
 * nld_news_prepare - build what is to be told to the group and the sender
 * @nn: the namespace, locked
 * @news: to be filled in
 * @put: what; portid and seq for an answer are filled in here. What is not an
 *	announcement (put->announce) goes to the sender only.
 * @sender: who makes the change; NULL: the kernel
 */
void nld_news_prepare(struct nld_net *nn, struct nld_news *news,
		      struct nld_put *put, const struct nld_sender *sender)
{
	u32 group = news_group(put);

	memset(news, 0, sizeof(*news));
	if (!(sender && sender->echo) &&
	    !(group && netlink_has_listeners(nn->sock, group)))
		return;
	if (sender) {
		put->portid = sender->portid;
		put->seq = sender->seq;
	}
	news->skb = nlmsg_new(nld_put_size(put->route), GFP_KERNEL);
	if (news->skb && WARN_ON_ONCE(!nld_put_route(news->skb, put))) {
		kfree_skb(news->skb);
		news->skb = NULL;
	}
	news->lost = !news->skb;
}

/**
 * nld_news_send - tell what nld_news_prepare() built
 * @nn: the namespace, locked
 * @news: the news, the callee's from now on
 * @put: as there
 * @sender: as there
 *
 * Return: 0, or -ENOBUFS if the sender will miss the echo it asked for. One
 * whose queue is full is told by its socket instead.
 */
int nld_news_send(struct nld_net *nn, struct nld_news *news,
		  const struct nld_put *put, const struct nld_sender *sender)
{
	u32 group = news_group(put);

	if (news->skb) {
		/*
		 * Without __GFP_DIRECT_RECLAIM, or it would yield to each
		 * listener that does not read.
		 */
		nlmsg_notify(nn->sock, news->skb, put->portid, group,
			     sender && sender->echo, GFP_NOWAIT | __GFP_NOWARN);
		return 0;
	}
	if (!news->lost)
		return 0;
	if (group) {
		spin_lock(&nn->stats_lock);
		nn->stats.unannounced++;
		spin_unlock(&nn->stats_lock);
		netlink_set_err(nn->sock, 0, group, -ENOBUFS);
	}
	return sender && sender->echo ? -ENOBUFS : 0;
}
