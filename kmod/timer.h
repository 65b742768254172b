/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The records of a namespace that end by themselves; see timer.c.
 */
#ifndef _NLD_TIMER_H
#define _NLD_TIMER_H

#include "net.h"

void nld_timer_add(struct nld_net *nn, struct nld_route *route);
void nld_timer_remove(struct nld_net *nn, struct nld_route *route);
struct nld_route *nld_timer_due(struct nld_net *nn);
void nld_timer_schedule(struct nld_net *nn);

#endif /* _NLD_TIMER_H */
