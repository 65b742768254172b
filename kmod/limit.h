/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much there may be; see limit.c.
 */
#ifndef _NLD_LIMIT_H
#define _NLD_LIMIT_H

#include "net.h"

unsigned int nld_limit_host(void);
unsigned int nld_limit_netns(const struct nld_net *nn);
unsigned long nld_limit_bytes_host(void);
unsigned long nld_limit_bytes_netns(const struct nld_net *nn);
int nld_limit_take(struct nld_net *nn, unsigned int routes, size_t bytes,
		   size_t instead, struct netlink_ext_ack *extack);
void nld_limit_give(struct nld_net *nn, unsigned int routes, size_t bytes);

#endif /* _NLD_LIMIT_H */
