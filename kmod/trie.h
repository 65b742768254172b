/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A longest-prefix-match trie under RCU; see trie.c, walk.c and cursor.c.
 */
#ifndef _NLD_TRIE_H
#define _NLD_TRIE_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct nld_route;	/* the trie hands it on and never looks inside */

#define NLD_KEY_WORDS	4	/* an IPv6 address */

/**
 * struct nld_key - a prefix in a table
 * @table: number of the table
 * @bits: length of the prefix
 * @word: the address, most significant bit first. Bits behind @bits are 0.
 */
struct nld_key {
	u32 table;
	u8 bits;
	__be32 word[NLD_KEY_WORDS];
};

/**
 * struct nld_node - one node of a tree
 * @child: subtree whose next bit is 0, and 1
 * @routes: first record of this prefix. NULL: this node only forks.
 * @root: the same, in the tree of tables: a table's tree
 * @bits: how many bits of @word count
 * @word: as in struct nld_key, but no longer than the trie's keys; in the tree
 *	of tables, the number
 *
 * An IPv4 node is exactly 32 bytes. A node that is taken out stays as it was,
 * its records too, until no reader can stand on it.
 */
struct nld_node {
	struct nld_node __rcu *child[2];
	union {
		struct nld_route __rcu *routes;
		struct nld_node __rcu *root;
	};
	u8 bits;
	__be32 word[];
};

/**
 * struct nld_trie - the tables of a family
 * @tables: tree of tables; NULL: empty
 * @lock: what writers hold
 * @words: words in an address, 1 for IPv4 and 4 for IPv6
 * @nodes: nodes there are, forks and the tree of tables included
 */
struct nld_trie {
	struct nld_node __rcu *tables;
	struct mutex *lock;	/* see above */
	u8 words;
	size_t nodes;
};

/**
 * struct nld_spot - where some bits are in a tree, or would be
 * @word: the bits
 * @bits: how many
 * @slot: what points at @node
 * @node: their own node, or what is in its way; NULL: nothing is
 * @above_slot: what points at @above
 * @above: the node that @slot is in; NULL: the root
 * @same: bits that @node has in common with them
 * @leaf: a node for them, from nld_trie_prepare()
 * @fork: a node for where they and @node part, likewise
 */
struct nld_spot {
	const __be32 *word;
	unsigned int bits;
	struct nld_node __rcu **slot;
	struct nld_node *node;
	struct nld_node __rcu **above_slot;
	struct nld_node *above;
	unsigned int same;
	struct nld_node *leaf;
	struct nld_node *fork;
};

/**
 * struct nld_cursor - where a key is in a trie, or would be
 * @key: the key
 * @number: its table, as the tree of tables has it
 * @table: the place of its table
 * @at: its place in its table; without a slot as long as there is no table
 * @gone: nodes that nld_trie_remove() took out: at most a table's last, the
 *	table's own, and the fork that this was below
 * @gone_count: how many
 *
 * Found by one walk down, and good until the lock is given up or the trie is
 * changed by another cursor. It points into itself: never copy it.
 */
struct nld_cursor {
	struct nld_key key;
	__be32 number;
	struct nld_spot table;
	struct nld_spot at;
	struct nld_node *gone[3];
	u8 gone_count;
};

/**
 * struct nld_walk - the way to a node, as far as a walk must come back to it
 * @depth: how many of @later there are
 * @later: what lies to the right of the way, the nearest last. Each is below a
 *	node of another length, and what is below the longest is nothing.
 */
struct nld_walk {
	unsigned int depth;
	struct nld_node *later[NLD_KEY_WORDS * 32];
};

/* Under rcu_read_lock() or trie->lock, and under the latter. */
#define trie_deref(trie, p) \
	rcu_dereference_check(p, lockdep_is_held((trie)->lock))
#define trie_locked(trie, p) \
	rcu_dereference_protected(p, lockdep_is_held((trie)->lock))

void nld_trie_init(struct nld_trie *trie, struct mutex *lock, u8 words);
void nld_trie_exit(struct nld_trie *trie,
		   void (*free_routes)(struct nld_node *node, void *data),
		   void *data);
size_t nld_trie_node_size(const struct nld_trie *trie);

/* Under rcu_read_lock() or trie->lock. */
struct nld_node *nld_trie_exact(const struct nld_trie *trie,
				const struct nld_key *key);
struct nld_node *nld_trie_lookup(const struct nld_trie *trie,
				 const struct nld_key *key);
struct nld_node *nld_trie_next(const struct nld_trie *trie,
			       struct nld_key *key, bool after,
			       struct nld_walk *walk);
struct nld_node *nld_walk_on(const struct nld_trie *trie,
			     struct nld_node *node, struct nld_key *key,
			     struct nld_walk *walk);

/* Under trie->lock. */
void nld_trie_seek(struct nld_trie *trie, const struct nld_key *key,
		   struct nld_cursor *at);
struct nld_node *nld_cursor_node(const struct nld_cursor *at);
int nld_trie_prepare(struct nld_trie *trie, struct nld_cursor *at);
unsigned int nld_cursor_prepared(const struct nld_cursor *at);
void nld_trie_cancel(struct nld_cursor *at);
void nld_trie_insert(struct nld_trie *trie, struct nld_cursor *at,
		     struct nld_route *routes);
void nld_trie_remove(struct nld_trie *trie, struct nld_cursor *at);
void nld_trie_reclaim(struct nld_cursor *at);

void nld_node_key(const struct nld_trie *trie, const struct nld_node *node,
		  struct nld_key *key);	/* all but the table */
bool nld_key_covers(const struct nld_key *prefix, const struct nld_key *key);

#endif /* _NLD_TRIE_H */
