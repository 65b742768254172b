// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of a trie, by a cursor
 *
 * A writer walks down once, with a cursor, which then tells what is at the
 * key, what is in its way, and what is above; makes ready what needs memory;
 * and then changes the trie, which cannot fail. What readers are promised
 * meanwhile is told in trie.c.
 */
#include <linux/gfp.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bits.h"
#include "trie.h"

static struct nld_node *node_alloc(struct nld_trie *trie, const __be32 *word,
				   unsigned int bits)
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
		node->word[i] = word[i] & cpu_to_be32(mask);
	}
	return node;
}

static void tree_seek(struct nld_trie *trie, struct nld_spot *at)
{
	struct nld_node *node;

	while ((node = trie_locked(trie, *at->slot))) {
		at->same = common_bits(node->word, at->word,
				       min_t(unsigned int, node->bits, at->bits));
		if (at->same < node->bits || node->bits == at->bits)
			break;
		at->above_slot = at->slot;
		at->above = node;
		at->slot = &node->child[bit_at(at->word, node->bits)];
	}
	at->node = node;
}

static bool spot_exact(const struct nld_spot *at)
{
	return at->node && at->node->bits == at->bits && at->same == at->bits;
}

/**
 * nld_trie_seek - find where a key is, or would be
 * @trie: the trie
 * @key: the key
 * @at: the cursor, to be filled in
 */
void nld_trie_seek(struct nld_trie *trie, const struct nld_key *key,
		   struct nld_cursor *at)
{
	memset(at, 0, sizeof(*at));
	at->key = *key;
	at->number = cpu_to_be32(key->table);
	at->table.word = &at->number;
	at->table.bits = 32;
	at->table.slot = &trie->tables;
	at->at.word = at->key.word;
	at->at.bits = at->key.bits;
	tree_seek(trie, &at->table);
	if (!spot_exact(&at->table))
		return;
	at->at.slot = &at->table.node->root;
	tree_seek(trie, &at->at);
}

/* The key's own node, in the trie or made ready for it; or NULL. */
struct nld_node *nld_cursor_node(const struct nld_cursor *at)
{
	return spot_exact(&at->at) ? at->at.node : at->at.leaf;
}

static int spot_prepare(struct nld_trie *trie, struct nld_spot *at)
{
	if (spot_exact(at))
		return 0;
	at->leaf = node_alloc(trie, at->word, at->bits);
	if (!at->leaf)
		return -ENOMEM;
	if (!at->node || at->same == at->bits)
		return 0;
	at->fork = node_alloc(trie, at->word, at->same);
	return at->fork ? 0 : -ENOMEM;
}

static void spot_cancel(struct nld_spot *at)
{
	kfree(at->leaf);
	kfree(at->fork);
	at->leaf = NULL;
	at->fork = NULL;
}

/**
 * nld_trie_prepare - make the nodes that a key needs to get into the trie
 * @trie: the trie
 * @at: the key's cursor
 *
 * Return: 0 or -ENOMEM.
 */
int nld_trie_prepare(struct nld_trie *trie, struct nld_cursor *at)
{
	int err = spot_prepare(trie, &at->table);

	if (!err)
		err = spot_prepare(trie, &at->at);
	if (err)
		nld_trie_cancel(at);
	return err;
}

/* How many nodes that were. */
unsigned int nld_cursor_prepared(const struct nld_cursor *at)
{
	return !!at->table.leaf + !!at->table.fork + !!at->at.leaf +
	       !!at->at.fork;
}

/* Give back what nld_trie_prepare() made, and nld_trie_insert() did not take. */
void nld_trie_cancel(struct nld_cursor *at)
{
	spot_cancel(&at->table);
	spot_cancel(&at->at);
}

static void spot_insert(struct nld_spot *at)
{
	struct nld_node *leaf = at->leaf, *fork = at->fork;

	if (fork) {
		RCU_INIT_POINTER(fork->child[bit_at(at->word, at->same)], leaf);
		RCU_INIT_POINTER(fork->child[bit_at(at->node->word, at->same)],
				 at->node);
		rcu_assign_pointer(*at->slot, fork);
	} else {
		if (at->node)
			RCU_INIT_POINTER(leaf->child[bit_at(at->node->word, at->same)],
					 at->node);
		rcu_assign_pointer(*at->slot, leaf);
	}
	at->leaf = NULL;
	at->fork = NULL;
}

/**
 * nld_trie_insert - give a key its first record
 * @trie: the trie
 * @at: the key's cursor, prepared; its node has no records
 * @routes: the record
 */
void nld_trie_insert(struct nld_trie *trie, struct nld_cursor *at,
		     struct nld_route *routes)
{
	struct nld_node *leaf = at->at.leaf;

	if (!leaf) {
		rcu_assign_pointer(at->at.node->routes, routes);
		return;
	}
	trie->nodes += nld_cursor_prepared(at);
	RCU_INIT_POINTER(leaf->routes, routes);
	if (at->table.leaf) {
		/* A new table, which is published with its record in it. */
		RCU_INIT_POINTER(at->table.leaf->root, leaf);
		at->at.leaf = NULL;
		spot_insert(&at->table);
	} else {
		spot_insert(&at->at);
	}
}

static void node_gone(struct nld_trie *trie, struct nld_cursor *at,
		      struct nld_node *node)
{
	trie->nodes--;
	at->gone[at->gone_count++] = node;
}

/*
 * Take a node out of its tree. What goes is not written to, see the top of
 * this file.
 */
static void spot_remove(struct nld_trie *trie, struct nld_cursor *at,
			const struct nld_spot *spot)
{
	struct nld_node *node = spot->node, *above = spot->above, *left, *right;

	left = trie_locked(trie, node->child[0]);
	right = trie_locked(trie, node->child[1]);
	if (left && right) {
		RCU_INIT_POINTER(node->routes, NULL);
		return;
	}
	node_gone(trie, at, node);
	if (left || right || !above || rcu_access_pointer(above->routes)) {
		rcu_assign_pointer(*spot->slot, left ? left : right);
		return;
	}

	/* What is above would have one child left, so it forks no more. */
	left = trie_locked(trie, above->child[0]);
	right = trie_locked(trie, above->child[1]);
	rcu_assign_pointer(*spot->above_slot, left == node ? right : left);
	node_gone(trie, at, above);
}

/**
 * nld_trie_remove - take a key's last record out
 * @trie: the trie
 * @at: the key's cursor; its node has records. The nodes that it takes with
 *	it are left in there, for nld_trie_reclaim().
 */
void nld_trie_remove(struct nld_trie *trie, struct nld_cursor *at)
{
	struct nld_node *node = at->at.node;

	if (at->at.above || rcu_access_pointer(node->child[0]) ||
	    rcu_access_pointer(node->child[1])) {
		spot_remove(trie, at, &at->at);
		return;
	}
	/* The table's last: the table goes with it. */
	spot_remove(trie, at, &at->table);
	node_gone(trie, at, node);
}

/*
 * Free what nld_trie_remove() took out. A node has no room for a head, because
 * half of all memory is nodes; so this may allocate, and without memory it
 * waits for a grace period. It is for when nobody waits for the change.
 */
void nld_trie_reclaim(struct nld_cursor *at)
{
	while (at->gone_count) {
		struct nld_node *node = at->gone[--at->gone_count];

		kfree_rcu_mightsleep(node);
	}
}
