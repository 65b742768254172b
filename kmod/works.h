/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What changes the tables without a request; see expiry.c and departure.c.
 */
#ifndef _NLD_WORKS_H
#define _NLD_WORKS_H

#include "net.h"

void nld_expiry_init(struct nld_net *nn);
void nld_expiry_exit(struct nld_net *nn);

void nld_departure_init(struct nld_net *nn);
int nld_departure_listen(struct nld_net *nn);
void nld_departure_exit(struct nld_net *nn);

#endif /* _NLD_WORKS_H */
