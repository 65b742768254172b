/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A longest-prefix-match trie under RCU; see trie.c.
 */
#ifndef _NLD_TRIE_H
#define _NLD_TRIE_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct nld_route;	/* the trie hands it on and never looks inside */

#define NLD_KEY_WORDS	5	/* a table and an IPv6 address */

/**
 * struct nld_key - the bits a node stands for
 * @word: table number, then address, most significant bit first. Bits behind
 *	@bits are 0.
 * @bits: how many bits count, the 32 of the table included
 */
struct nld_key {
	__be32 word[NLD_KEY_WORDS];
	u8 bits;
};

/**
 * struct nld_node - one node of the trie
 * @child: subtree whose next bit is 0, and 1
 * @routes: first record of this prefix. NULL: this node only forks.
 * @rcu: to free it
 * @bits: as in struct nld_key
 * @word: as in struct nld_key, but no longer than the trie's keys. An IPv6
 *	node is exactly 64 bytes, so that each step down costs one cache line.
 */
struct nld_node {
	struct nld_node __rcu *child[2];
	struct nld_route __rcu *routes;
	struct rcu_head rcu;
	u8 bits;
	__be32 word[];
};

/**
 * struct nld_trie - a trie
 * @root: NULL: empty
 * @lock: what writers hold
 * @words: words in a key, 2 for IPv4 and 5 for IPv6
 * @nodes: nodes there are, forks included
 */
struct nld_trie {
	struct nld_node __rcu *root;
	struct mutex *lock;	/* see above */
	u8 words;
	size_t nodes;
};

void nld_trie_init(struct nld_trie *trie, struct mutex *lock, u8 words);
void nld_trie_exit(struct nld_trie *trie,
		   void (*free_routes)(struct nld_node *node));
size_t nld_trie_node_size(const struct nld_trie *trie);

/* Under rcu_read_lock() or trie->lock. */
struct nld_node *nld_trie_exact(const struct nld_trie *trie,
				const struct nld_key *key);
struct nld_node *nld_trie_lookup(const struct nld_trie *trie,
				 const struct nld_key *key);
struct nld_node *nld_trie_next(const struct nld_trie *trie,
			       const struct nld_key *key, bool after);

/* Under trie->lock. */
struct nld_node *nld_trie_get(struct nld_trie *trie, const struct nld_key *key,
			      struct nld_route *routes);
void nld_trie_prune(struct nld_trie *trie, const struct nld_key *key);

void nld_node_key(const struct nld_trie *trie, const struct nld_node *node,
		  struct nld_key *key);
bool nld_key_covers(const struct nld_key *prefix, const struct nld_key *key);

#endif /* _NLD_TRIE_H */
