// SPDX-License-Identifier: GPL-2.0-only
/*
 * A longest-prefix-match trie under RCU
 *
 * A binary trie with its one-way paths folded up: a node stands for a string
 * of bits, and its children for longer strings that begin with it. A node
 * either has records or two children, or both; never neither. So there are
 * fewer forks than prefixes, and the way to a prefix is never longer than the
 * prefix.
 *
 * The first 32 bits of a key are the number of the routing table. One trie
 * therefore holds all tables of a family: a table costs nothing while it is
 * empty, needs no life of its own, and is a subtree when it is flushed. That
 * a lookup stays in its table follows from no record being shorter than that.
 *
 * Readers take no lock. A writer makes a node complete before it publishes
 * it by one store, and frees it a grace period after it took it out by one
 * store; what a reader stands on stays as it was. A walk with
 * nld_trie_next() goes on from a key and not from a node, so it may give up
 * RCU between steps. It is not a snapshot: who needs one compares the table's
 * generation before and after.
 *
 * Records belong to the caller (see table.c). This file includes nothing of
 * the module's, so that trie_test.c can hold it against a plain list.
 */
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "trie.h"

#define trie_deref(trie, p) \
	rcu_dereference_check(p, lockdep_is_held((trie)->lock))
#define trie_locked(trie, p) \
	rcu_dereference_protected(p, lockdep_is_held((trie)->lock))

static unsigned int bit_at(const __be32 *word, unsigned int at)
{
	return (be32_to_cpu(word[at / 32]) >> (31 - at % 32)) & 1;
}

/* How many of the first @max bits are the same. */
static unsigned int common_bits(const __be32 *a, const __be32 *b,
				unsigned int max)
{
	unsigned int i;

	for (i = 0; i * 32 < max; i++) {
		u32 diff = be32_to_cpu(a[i] ^ b[i]);

		if (diff)
			return min_t(unsigned int, max, i * 32 + 32 - fls(diff));
	}
	return max;
}

static bool node_covers(const struct nld_node *node, const struct nld_key *key)
{
	return node->bits <= key->bits &&
	       common_bits(node->word, key->word, node->bits) == node->bits;
}

bool nld_key_covers(const struct nld_key *prefix, const struct nld_key *key)
{
	return prefix->bits <= key->bits &&
	       common_bits(prefix->word, key->word, prefix->bits) == prefix->bits;
}

void nld_node_key(const struct nld_trie *trie, const struct nld_node *node,
		  struct nld_key *key)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->word, node->word, trie->words * sizeof(*key->word));
	key->bits = node->bits;
}

size_t nld_trie_node_size(const struct nld_trie *trie)
{
	/* struct_size_t() says it better, but not every 6.1 has it. */
	return struct_size((struct nld_node *)NULL, word, trie->words);
}

static struct nld_node *node_alloc(struct nld_trie *trie,
				   const struct nld_key *key, unsigned int bits)
{
	unsigned int i;
	struct nld_node *node;

	node = kzalloc(nld_trie_node_size(trie), GFP_KERNEL_ACCOUNT);
	if (!node)
		return NULL;
	node->bits = bits;
	for (i = 0; i * 32 < bits; i++) {
		u32 mask = ~0U;

		if (bits - i * 32 < 32)
			mask <<= 32 - (bits - i * 32);
		node->word[i] = key->word[i] & cpu_to_be32(mask);
	}
	trie->nodes++;
	return node;
}

static void node_free(struct nld_trie *trie, struct nld_node *node)
{
	trie->nodes--;
	kfree_rcu(node, rcu);
}

void nld_trie_init(struct nld_trie *trie, struct mutex *lock, u8 words)
{
	RCU_INIT_POINTER(trie->root, NULL);
	trie->lock = lock;
	trie->words = words;
	trie->nodes = 0;
}

/**
 * nld_trie_exit - free all nodes
 * @trie: the trie, which no reader can reach any more
 * @free_routes: called for each node that has records
 *
 * Turns the trie over to the right as it goes, so that it needs no stack.
 */
void nld_trie_exit(struct nld_trie *trie,
		   void (*free_routes)(struct nld_node *node))
{
	struct nld_node *node = rcu_dereference_protected(trie->root, true);

	RCU_INIT_POINTER(trie->root, NULL);
	while (node) {
		struct nld_node *left = rcu_dereference_protected(node->child[0], true);
		struct nld_node *right;

		if (left) {
			right = rcu_dereference_protected(left->child[1], true);
			RCU_INIT_POINTER(node->child[0], right);
			RCU_INIT_POINTER(left->child[1], node);
			node = left;
			continue;
		}
		right = rcu_dereference_protected(node->child[1], true);
		if (rcu_access_pointer(node->routes))
			free_routes(node);
		kfree(node);
		trie->nodes--;
		node = right;
		cond_resched();
	}
}

/* The node of exactly this key that has records, or NULL. */
struct nld_node *nld_trie_exact(const struct nld_trie *trie,
				const struct nld_key *key)
{
	struct nld_node *node = trie_deref(trie, trie->root);

	while (node && node_covers(node, key)) {
		if (node->bits == key->bits)
			return rcu_access_pointer(node->routes) ? node : NULL;
		node = trie_deref(trie, node->child[bit_at(key->word, node->bits)]);
	}
	return NULL;
}

/* Of the nodes with records that cover this key the longest, or NULL. */
struct nld_node *nld_trie_lookup(const struct nld_trie *trie,
				 const struct nld_key *key)
{
	struct nld_node *node = trie_deref(trie, trie->root);
	struct nld_node *best = NULL;

	while (node && node_covers(node, key)) {
		if (rcu_access_pointer(node->routes))
			best = node;
		if (node->bits == key->bits)
			break;
		node = trie_deref(trie, node->child[bit_at(key->word, node->bits)]);
	}
	return best;
}

/* The first node with records at or below @node. */
static struct nld_node *first_below(const struct nld_trie *trie,
				    struct nld_node *node)
{
	while (node && !rcu_access_pointer(node->routes)) {
		struct nld_node *left = trie_deref(trie, node->child[0]);

		node = left ? left : trie_deref(trie, node->child[1]);
	}
	return node;
}

/**
 * nld_trie_next - one step of a walk through all nodes that have records
 * @trie: the trie
 * @key: where the walk is
 * @after: start behind @key, not at it
 *
 * The order is by bits, a prefix before those that it covers.
 *
 * Return: the node, or NULL at the end.
 */
struct nld_node *nld_trie_next(const struct nld_trie *trie,
			       const struct nld_key *key, bool after)
{
	struct nld_node *node = trie_deref(trie, trie->root);
	struct nld_node *later = NULL;	/* the last way to the right not taken */
	struct nld_node *found = NULL;

	while (node) {
		unsigned int max = min(node->bits, key->bits);
		unsigned int same = common_bits(node->word, key->word, max);
		struct nld_node *left, *right;

		if (same < max) {
			/* All that is here lies on one side of the key. */
			if (!bit_at(key->word, same))
				found = first_below(trie, node);
			break;
		}
		if (node->bits > key->bits || (node->bits == key->bits && !after)) {
			found = first_below(trie, node);
			break;
		}

		left = trie_deref(trie, node->child[0]);
		right = trie_deref(trie, node->child[1]);
		if (node->bits == key->bits) {
			found = first_below(trie, left ? left : right);
			break;
		}
		if (bit_at(key->word, node->bits)) {
			node = right;
		} else {
			if (right)
				later = right;
			node = left;
		}
	}
	return found ? found : first_below(trie, later);
}

/**
 * nld_trie_get - find or make the node of a key
 * @trie: the trie
 * @key: the key
 * @routes: what a node without records gets, before anybody can see it
 *
 * Return: the node, whose records are @routes or those it had before; or NULL
 * if there is no memory, and nothing has changed.
 */
struct nld_node *nld_trie_get(struct nld_trie *trie, const struct nld_key *key,
			      struct nld_route *routes)
{
	struct nld_node __rcu **slot = &trie->root;
	struct nld_node *node, *new, *fork;
	unsigned int same = 0;

	while ((node = trie_locked(trie, *slot))) {
		same = common_bits(node->word, key->word,
				   min(node->bits, key->bits));
		if (same < node->bits)
			break;
		if (node->bits == key->bits) {
			if (!rcu_access_pointer(node->routes))
				rcu_assign_pointer(node->routes, routes);
			return node;
		}
		slot = &node->child[bit_at(key->word, node->bits)];
	}

	new = node_alloc(trie, key, key->bits);
	if (!new)
		return NULL;
	RCU_INIT_POINTER(new->routes, routes);
	if (!node) {
		rcu_assign_pointer(*slot, new);
		return new;
	}
	if (same == key->bits) {
		RCU_INIT_POINTER(new->child[bit_at(node->word, same)], node);
		rcu_assign_pointer(*slot, new);
		return new;
	}

	fork = node_alloc(trie, key, same);
	if (!fork) {
		node_free(trie, new);
		return NULL;
	}
	RCU_INIT_POINTER(fork->child[bit_at(key->word, same)], new);
	RCU_INIT_POINTER(fork->child[bit_at(node->word, same)], node);
	rcu_assign_pointer(*slot, fork);
	return new;
}

/* Take the node of a key out, if it has no records and is no fork. */
void nld_trie_prune(struct nld_trie *trie, const struct nld_key *key)
{
	struct nld_node __rcu **slot = &trie->root, **above_slot = NULL;
	struct nld_node *node, *above = NULL, *left, *right;

	for (;;) {
		node = trie_locked(trie, *slot);
		if (!node || !node_covers(node, key))
			return;
		if (node->bits == key->bits)
			break;
		above = node;
		above_slot = slot;
		slot = &node->child[bit_at(key->word, node->bits)];
	}
	if (rcu_access_pointer(node->routes))
		return;

	left = trie_locked(trie, node->child[0]);
	right = trie_locked(trie, node->child[1]);
	if (left && right)
		return;
	rcu_assign_pointer(*slot, left ? left : right);
	node_free(trie, node);
	if (left || right || !above || rcu_access_pointer(above->routes))
		return;

	/* What was above has one child left, so it forks no more. */
	left = trie_locked(trie, above->child[0]);
	right = trie_locked(trie, above->child[1]);
	rcu_assign_pointer(*above_slot, left ? left : right);
	node_free(trie, above);
}
