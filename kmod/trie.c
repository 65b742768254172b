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
 * forks, loses its records in place. No walk (see walk.c) is a snapshot: who
 * needs one compares the table's generation before and after. Writers are in
 * cursor.c.
 *
 * Records belong to the caller (see table.c). The three files include nothing
 * else of the module's, so that trie_test.c can hold them against a plain list.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bits.h"
#include "trie.h"

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

/* Of one node, as the allocator rounds it. */
size_t nld_trie_node_size(const struct nld_trie *trie)
{
	/* Not struct_size(): it counts the padding behind @bits twice. */
	return kmalloc_size_roundup(offsetof(struct nld_node, word) +
				    trie->words * sizeof_field(struct nld_node, word[0]));
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
