/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a dump or flush is about; see filter.c.
 */
#ifndef _NLD_FILTER_H
#define _NLD_FILTER_H

#include "route.h"
#include "trie.h"

/**
 * struct nld_filter - what a dump or flush is about
 * @given: BIT(NLD_A_*) of what is asked for
 * @families: BIT(enum nld_af)
 * @prefix: table and address, as far as they are given
 * @metric: only if given
 * @oif: only if given
 * @protocol: only if given
 * @type: only if given
 * @owner_len: bytes in @owner
 * @owner: only if given
 */
struct nld_filter {
	u32 given;
	u8 families;
	struct nld_key prefix;
	u32 metric;
	u32 oif;
	u8 protocol;
	u8 type;
	u8 owner_len;
	u8 owner[NLD_MAX_OWNER];
};

/* Where a filter's walk begins in a trie, and whether it is still inside. */
void nld_filter_start(const struct nld_filter *filter, struct nld_key *key);
bool nld_filter_inside(const struct nld_filter *filter,
		       const struct nld_key *key);
bool nld_filter_match(const struct nld_filter *filter,
		      const struct nld_key *key, const struct nld_route *route);

#endif /* _NLD_FILTER_H */
