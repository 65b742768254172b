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
 * Each table is such a tree, and they hang in another one, whose keys are the
 * numbers of tables. So a table costs nothing while it is empty and needs no
 * life of its own: it comes with its first record and goes with its last.
 *
 * Readers take no lock. A writer makes a node complete before it publishes
 * it by one store, and frees it a grace period after it took it out by one
 * store. It takes it out as it is, with its records and its children in it:
 * a reader that stands there goes on to everything that was below, and so
 * misses no record that nobody touched. Only a node that stays, because it
 * forks, loses its records in place. A walk with nld_trie_next() goes on from
 * a key and not from a node, so it may give up RCU between steps. It is not a
 * snapshot: who needs one compares the table's generation before and after.
 *
 * A writer walks down once, with a cursor; makes ready what needs memory; and
 * then changes the trie, which cannot fail.
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

static bool node_covers(const struct nld_node *node, const __be32 *word,
			unsigned int bits)
{
	return node->bits <= bits &&
	       common_bits(node->word, word, node->bits) == node->bits;
}

bool nld_key_covers(const struct nld_key *prefix, const struct nld_key *key)
{
	return prefix->table == key->table && prefix->bits <= key->bits &&
	       common_bits(prefix->word, key->word, prefix->bits) == prefix->bits;
}

void nld_node_key(const struct nld_trie *trie, const struct nld_node *node,
		  struct nld_key *key)
{
	memset(key->word, 0, sizeof(key->word));
	memcpy(key->word, node->word, trie->words * sizeof(*key->word));
	key->bits = node->bits;
}

size_t nld_trie_node_size(const struct nld_trie *trie)
{
	/* Not struct_size(): it counts the padding behind @bits twice. */
	return offsetof(struct nld_node, word) +
	       trie->words * sizeof_field(struct nld_node, word[0]);
}

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

void nld_trie_init(struct nld_trie *trie, struct mutex *lock, u8 words)
{
	static_assert(offsetof(struct nld_node, word) + sizeof(__be32) == 32);

	RCU_INIT_POINTER(trie->tables, NULL);
	trie->lock = lock;
	trie->words = words;
	trie->nodes = 0;
}

/* Turns a tree over to the right as it goes, so that it needs no stack. */
static void tree_free(struct nld_trie *trie, struct nld_node *node,
		      void (*each)(struct nld_node *node, void *data),
		      void *data)
{
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
			each(node, data);
		kfree(node);
		trie->nodes--;
		node = right;
		cond_resched();
	}
}

struct free_table {
	struct nld_trie *trie;
	void (*free_routes)(struct nld_node *node, void *data);
	void *data;
};

static void free_table(struct nld_node *table, void *data)
{
	struct free_table *free = data;

	tree_free(free->trie, rcu_dereference_protected(table->root, true),
		  free->free_routes, free->data);
}

/**
 * nld_trie_exit - free all nodes
 * @trie: the trie, which no reader can reach any more
 * @free_routes: called for each node that has records
 * @data: for @free_routes
 */
void nld_trie_exit(struct nld_trie *trie,
		   void (*free_routes)(struct nld_node *node, void *data),
		   void *data)
{
	struct free_table free = { trie, free_routes, data };
	struct nld_node *tables = rcu_dereference_protected(trie->tables, true);

	RCU_INIT_POINTER(trie->tables, NULL);
	tree_free(trie, tables, free_table, &free);
}

/* The node of exactly these bits that has records, or NULL. */
static struct nld_node *tree_exact(const struct nld_trie *trie,
				   struct nld_node *node, const __be32 *word,
				   unsigned int bits)
{
	while (node && node_covers(node, word, bits)) {
		if (node->bits == bits)
			return rcu_access_pointer(node->routes) ? node : NULL;
		node = trie_deref(trie, node->child[bit_at(word, node->bits)]);
	}
	return NULL;
}

/* The root of a table, or NULL. */
static struct nld_node *table_root(const struct nld_trie *trie, u32 table)
{
	__be32 number = cpu_to_be32(table);
	struct nld_node *node;

	node = tree_exact(trie, trie_deref(trie, trie->tables), &number, 32);
	return node ? trie_deref(trie, node->root) : NULL;
}

/* The node of exactly this key that has records, or NULL. */
struct nld_node *nld_trie_exact(const struct nld_trie *trie,
				const struct nld_key *key)
{
	return tree_exact(trie, table_root(trie, key->table), key->word,
			  key->bits);
}

/* Of the nodes with records that cover this key the longest, or NULL. */
struct nld_node *nld_trie_lookup(const struct nld_trie *trie,
				 const struct nld_key *key)
{
	struct nld_node *node = table_root(trie, key->table);
	struct nld_node *best = NULL;

	while (node && node_covers(node, key->word, key->bits)) {
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

/* The first node with records at these bits, or behind them; or NULL. */
static struct nld_node *tree_next(const struct nld_trie *trie,
				  struct nld_node *node, const __be32 *word,
				  unsigned int bits, bool after)
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
				found = first_below(trie, node);
			break;
		}
		if (node->bits > bits || (node->bits == bits && !after)) {
			found = first_below(trie, node);
			break;
		}

		left = trie_deref(trie, node->child[0]);
		right = trie_deref(trie, node->child[1]);
		if (node->bits == bits) {
			found = first_below(trie, left ? left : right);
			break;
		}
		if (bit_at(word, node->bits)) {
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
 * nld_trie_next - one step of a walk through all nodes that have records
 * @trie: the trie
 * @key: where the walk is, and then where the node is
 * @after: start behind @key, not at it
 *
 * The order is by table and then by bits, a prefix before those that it covers.
 *
 * Return: the node, or NULL at the end.
 */
struct nld_node *nld_trie_next(const struct nld_trie *trie,
			       struct nld_key *key, bool after)
{
	__be32 number = cpu_to_be32(key->table);
	struct nld_node *table, *root, *node;
	bool next = false;

	while ((table = tree_next(trie, trie_deref(trie, trie->tables),
				  &number, 32, next))) {
		number = table->word[0];
		root = trie_deref(trie, table->root);
		if (be32_to_cpu(number) == key->table)
			node = tree_next(trie, root, key->word, key->bits, after);
		else
			node = first_below(trie, root);
		if (node) {
			key->table = be32_to_cpu(number);
			nld_node_key(trie, node, key);
			return node;
		}
		next = true;
	}
	return NULL;
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
