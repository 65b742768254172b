/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Announcements and echoes; see notify.c.
 */
#ifndef _NLD_NOTIFY_H
#define _NLD_NOTIFY_H

#include "net.h"
#include "put.h"

/**
 * struct nld_sender - who made a change
 * @portid: its port id
 * @seq: its message's sequence number
 * @echo: it asked for an echo
 */
struct nld_sender {
	u32 portid;
	u32 seq;
	bool echo;
};

/**
 * struct nld_news - an announcement, made ready before the change is made
 * @skb: what to send; NULL: nothing
 * @lost: somebody wanted it, and there was no memory
 */
struct nld_news {
	struct sk_buff *skb;
	bool lost;
};

void nld_news_prepare(struct nld_net *nn, struct nld_news *news,
		      struct nld_put *put, const struct nld_sender *sender);
int nld_news_send(struct nld_net *nn, struct nld_news *news,
		  const struct nld_put *put, const struct nld_sender *sender);

#endif /* _NLD_NOTIFY_H */
