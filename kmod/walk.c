// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks through a trie: by table and then by bits, a prefix before those that
 * it covers
 *
 * A walk that gives up RCU, or the lock, between two steps goes on from a key:
 * nld_trie_next() walks down to it from the root. Within one section it need
 * not: nld_walk_on() goes on from a node, and remembers in struct nld_walk
 * what lies to the right of the way to it. What has been taken out since then
 * still leads to all that was below (see trie.c), so neither kind of walk
 * misses a record that nobody touched, or meets one twice; and what came since
 * then it may meet or not.
 */
#include "bits.h"
#include "trie.h"

static void put_off(struct nld_walk *walk, struct nld_node *node)
{
	if (walk && node)
		walk->later[walk->depth++] = node;
}

/* The first node with records at or below @node. */
static struct nld_node *first_below(const struct nld_trie *trie,
				    struct nld_node *node,
				    struct nld_walk *walk)
{
	while (node && !rcu_access_pointer(node->routes)) {
		struct nld_node *left = trie_deref(trie, node->child[0]);
		struct nld_node *right = trie_deref(trie, node->child[1]);

		if (left)
			put_off(walk, right);
		node = left ? left : right;
	}
	return node;
}

/* The first node with records below @node, not at it. */
static struct nld_node *first_behind(const struct nld_trie *trie,
				     struct nld_node *node,
				     struct nld_walk *walk)
{
	struct nld_node *left = trie_deref(trie, node->child[0]);
	struct nld_node *right = trie_deref(trie, node->child[1]);

	if (left)
		put_off(walk, right);
	return first_below(trie, left ? left : right, walk);
}

/* The first one of what was put off. */
static struct nld_node *first_later(const struct nld_trie *trie,
				    struct nld_walk *walk)
{
	struct nld_node *found = NULL;

	/* More than one, if a writer empties the one while we look at it. */
	while (!found && walk->depth)
		found = first_below(trie, walk->later[--walk->depth], walk);
	return found;
}

/* The first node with records at these bits, or behind them; or NULL. */
static struct nld_node *tree_next(const struct nld_trie *trie,
				  struct nld_node *node, const __be32 *word,
				  unsigned int bits, bool after,
				  struct nld_walk *walk)
{
	struct nld_node *later = NULL;	/* the last way to the right not taken */
	struct nld_node *found = NULL;

	while (node) {
		unsigned int max = min_t(unsigned int, node->bits, bits);
		unsigned int same = common_bits(node->word, word, max);
		struct nld_node *left, *right;

		if (same < max) {
			/* All that is here lies on one side. */
			if (!bit_at(word, same))
				found = first_below(trie, node, walk);
			break;
		}
		if (node->bits > bits || (node->bits == bits && !after)) {
			found = first_below(trie, node, walk);
			break;
		}
		if (node->bits == bits) {
			found = first_behind(trie, node, walk);
			break;
		}

		left = trie_deref(trie, node->child[0]);
		right = trie_deref(trie, node->child[1]);
		if (bit_at(word, node->bits)) {
			node = right;
		} else {
			if (right) {
				put_off(walk, right);
				later = right;
			}
			node = left;
		}
	}
	if (found)
		return found;
	return walk ? first_later(trie, walk) : first_below(trie, later, NULL);
}

/**
 * nld_trie_next - one step of a walk through all nodes that have records
 * @trie: the trie
 * @key: where the walk is, and then where the node is
 * @after: start behind @key, not at it
 * @walk: for nld_walk_on(), to be filled in; NULL will do under the lock
 *
 * Return: the node, or NULL at the end.
 */
struct nld_node *nld_trie_next(const struct nld_trie *trie,
			       struct nld_key *key, bool after,
			       struct nld_walk *walk)
{
	__be32 number = cpu_to_be32(key->table);
	struct nld_node *table, *root, *node;
	bool next = false;

	if (walk)
		walk->depth = 0;
	while ((table = tree_next(trie, trie_deref(trie, trie->tables),
				  &number, 32, next, NULL))) {
		number = table->word[0];
		root = trie_deref(trie, table->root);
		if (be32_to_cpu(number) == key->table)
			node = tree_next(trie, root, key->word, key->bits,
					 after, walk);
		else
			node = first_below(trie, root, walk);
		if (node) {
			key->table = be32_to_cpu(number);
			nld_node_key(trie, node, key);
			return node;
		}
		next = true;
	}
	return NULL;
}

/**
 * nld_walk_on - the next step, in the same RCU section
 * @trie: the trie
 * @node: where the walk is, from nld_trie_next() or from here
 * @key: its key, and then that of the next one
 * @walk: as nld_trie_next() filled it in
 *
 * Return: the next node, or NULL at the end.
 */
struct nld_node *nld_walk_on(const struct nld_trie *trie,
			     struct nld_node *node, struct nld_key *key,
			     struct nld_walk *walk)
{
	node = first_behind(trie, node, walk);
	if (!node)
		node = first_later(trie, walk);
	if (!node)
		/* Of another table. */
		return nld_trie_next(trie, key, true, walk);
	nld_node_key(trie, node, key);
	return node;
}
