/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The routing tables of one network namespace; see table.c.
 */
#ifndef _NLD_TABLE_H
#define _NLD_TABLE_H

#include "filter.h"
#include "message.h"
#include "net.h"
#include "notify.h"

#define NLD_TURN	256	/* records between two nld_table_yield() */

/**
 * struct nld_change - one change of the tables
 * @at: where, and the key; prepared if a record is created
 * @af: the family
 * @old: goes; NULL: created
 * @new: comes, its group shared and its memory taken from the limits; NULL:
 *	deleted
 * @cause: enum nld_cause
 * @sender: who asked; NULL: the kernel
 */
struct nld_change {
	struct nld_cursor at;
	enum nld_af af;
	struct nld_route *old;
	struct nld_route *new;
	u8 cause;
	const struct nld_sender *sender;
};

void nld_table_init(struct nld_net *nn);
void nld_table_exit(struct nld_net *nn);

int nld_table_new(struct nld_net *nn, struct nld_request *req,
		  struct nld_route *route);
int nld_table_delete(struct nld_net *nn, struct nld_request *req);
int nld_table_flush(struct nld_net *nn, const struct nld_filter *filter,
		    const struct nld_sender *sender);

/* With the mutex held. */
int nld_table_replace(struct nld_net *nn, struct nld_change *change,
		      struct nld_route *old, struct nld_route *new);
void nld_table_yield(struct nld_net *nn);

#endif /* _NLD_TABLE_H */
