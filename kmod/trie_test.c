// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trie against a plain list
 *
 * Random operations are done on both, with keys from so few values that they
 * collide, nest and fork all the time, and every answer must be the same. The
 * list knows nothing of tries: it compares each entry with the question. Its
 * comparisons are its own, too.
 *
 * It is compiled into this module a second time, so that nld.ko need
 * not export anything for it.
 */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "trie.c"
#include "walk.c"
#include "cursor.c"

#define OPERATIONS	100000
#define ENTRIES		256
#define TABLES		4

/* To the trie a record is a pointer. */
struct nld_route {
	struct nld_key key;
	bool used;
};

struct model {
	struct nld_trie trie;
	struct mutex lock;	/* of the trie */
	struct rnd_state rnd;
	struct nld_walk walk;
	unsigned int used;
	struct nld_route entry[ENTRIES];
};

static u32 below(struct model *m, u32 n)
{
	return prandom_u32_state(&m->rnd) % n;
}

/* The first @bits bits of both are the same. */
static bool list_same(const struct nld_key *a, const struct nld_key *b,
		      unsigned int bits)
{
	const u8 *x = (const u8 *)a->word, *y = (const u8 *)b->word;

	for (; bits >= 8; bits -= 8)
		if (*x++ != *y++)
			return false;
	return !bits || !((*x ^ *y) >> (8 - bits));
}

static bool list_covers(const struct nld_key *prefix, const struct nld_key *key)
{
	return prefix->table == key->table && prefix->bits <= key->bits &&
	       list_same(prefix, key, prefix->bits);
}

static bool list_equal(const struct nld_key *a, const struct nld_key *b)
{
	return a->table == b->table && a->bits == b->bits &&
	       list_same(a, b, a->bits);
}

/* The order of walks: by table, then by bits, the shorter first. */
static bool list_before(const struct nld_key *a, const struct nld_key *b)
{
	int diff = memcmp(a->word, b->word, sizeof(a->word));

	if (a->table != b->table)
		return a->table < b->table;
	return diff ? diff < 0 : a->bits < b->bits;
}

static struct nld_route *list_exact(struct model *m, const struct nld_key *key)
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++)
		if (m->entry[i].used && list_equal(&m->entry[i].key, key))
			return &m->entry[i];
	return NULL;
}

static struct nld_route *list_lookup(struct model *m, const struct nld_key *key)
{
	struct nld_route *best = NULL;
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		struct nld_route *entry = &m->entry[i];

		if (entry->used && list_covers(&entry->key, key) &&
		    (!best || entry->key.bits > best->key.bits))
			best = entry;
	}
	return best;
}

static struct nld_route *list_next(struct model *m, const struct nld_key *key,
				   bool after)
{
	struct nld_route *best = NULL;
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		struct nld_route *entry = &m->entry[i];

		if (!entry->used || list_before(&entry->key, key) ||
		    (after && list_equal(&entry->key, key)))
			continue;
		if (!best || list_before(&entry->key, &best->key))
			best = entry;
	}
	return best;
}

static void random_key(struct model *m, struct nld_key *key)
{
	static const u32 tables[TABLES] = { 1, 254, 255, 0x80000000 };
	unsigned int i, max = m->trie.words * 32;
	u8 *byte = (u8 *)key->word;

	memset(key, 0, sizeof(*key));
	key->table = tables[below(m, ARRAY_SIZE(tables))];
	/* Long prefixes with the same beginning make deep tries. */
	key->bits = below(m, 2) ? below(m, max + 1) : max - below(m, 9);
	for (i = 0; i < max / 8; i++) {
		static const u8 bytes[] = { 0x00, 0x00, 0x80, 0x01, 0xff };

		byte[i] = bytes[below(m, ARRAY_SIZE(bytes))];
	}
	for (i = key->bits; i < max; i++)
		byte[i / 8] &= ~(0x80 >> i % 8);
}

static struct nld_route *route_of(struct model *m, struct nld_node *node)
{
	if (!node)
		return NULL;
	return rcu_dereference_protected(node->routes,
					 lockdep_is_held(&m->lock));
}

/* Into the trie, unless the key has a record there. */
static void trie_insert(struct kunit *test, struct model *m,
			const struct nld_key *key, struct nld_route *entry)
{
	struct nld_cursor at;

	nld_trie_seek(&m->trie, key, &at);
	KUNIT_ASSERT_EQ(test, nld_trie_prepare(&m->trie, &at), 0);
	KUNIT_ASSERT_NOT_NULL(test, nld_cursor_node(&at));
	if (!nld_cursor_prepared(&at) && route_of(m, at.at.node))
		return;
	nld_trie_insert(&m->trie, &at, entry);
}

static void trie_remove(struct kunit *test, struct model *m,
			const struct nld_key *key)
{
	struct nld_node *node = nld_trie_exact(&m->trie, key);
	struct nld_cursor at;

	KUNIT_ASSERT_NOT_NULL(test, node);
	nld_trie_seek(&m->trie, key, &at);
	KUNIT_ASSERT_PTR_EQ(test, nld_cursor_node(&at), node);
	nld_trie_remove(&m->trie, &at);
	nld_trie_reclaim(&at);
	KUNIT_ASSERT_NULL(test, nld_trie_exact(&m->trie, key));
}

static void do_insert(struct kunit *test, struct model *m)
{
	struct nld_route *entry = NULL, *there;
	struct nld_cursor at;
	struct nld_key key;
	unsigned int i;

	for (i = 0; i < ENTRIES && !entry; i++)
		if (!m->entry[i].used)
			entry = &m->entry[i];
	if (!entry)
		return;
	random_key(m, &key);
	there = list_exact(m, &key);
	if (below(m, 8) == 0) {
		/* Made ready and given up, nothing has changed. */
		nld_trie_seek(&m->trie, &key, &at);
		KUNIT_ASSERT_EQ(test, nld_trie_prepare(&m->trie, &at), 0);
		nld_trie_cancel(&at);
		KUNIT_ASSERT_PTR_EQ(test,
				    route_of(m, nld_trie_exact(&m->trie, &key)),
				    there);
	}
	trie_insert(test, m, &key, entry);
	KUNIT_ASSERT_PTR_EQ(test, route_of(m, nld_trie_exact(&m->trie, &key)),
			    there ? there : entry);
	if (there)
		return;
	entry->key = key;
	entry->used = true;
	m->used++;
}

static void do_delete(struct kunit *test, struct model *m)
{
	struct nld_route *entry = &m->entry[below(m, ENTRIES)];

	if (!entry->used)
		return;
	trie_remove(test, m, &entry->key);
	entry->used = false;
	m->used--;
}

/* The same question to both. */
static void do_ask(struct kunit *test, struct model *m)
{
	bool after = below(m, 2);
	struct nld_key key, at;

	if (below(m, 2))
		random_key(m, &key);
	else
		key = m->entry[below(m, ENTRIES)].key;
	at = key;
	KUNIT_ASSERT_PTR_EQ(test,
			    route_of(m, nld_trie_exact(&m->trie, &key)),
			    list_exact(m, &key));
	KUNIT_ASSERT_PTR_EQ(test,
			    route_of(m, nld_trie_lookup(&m->trie, &key)),
			    list_lookup(m, &key));
	KUNIT_ASSERT_PTR_EQ(test,
			    route_of(m, nld_trie_next(&m->trie, &at, after, NULL)),
			    list_next(m, &key, after));
}

/* All that is there, once, in order; and no more nodes than there may be. */
static void check_walk(struct kunit *test, struct model *m)
{
	struct nld_key key = {}, last = {}, on = {};
	struct nld_node *node, *same;
	unsigned int seen = 0;
	bool after = false;

	same = nld_trie_next(&m->trie, &on, false, &m->walk);
	for (; (node = nld_trie_next(&m->trie, &key, after, NULL)); after = true) {
		KUNIT_ASSERT_PTR_EQ(test, route_of(m, node), list_exact(m, &key));
		if (seen++)
			KUNIT_ASSERT_TRUE(test, list_before(&last, &key));
		last = key;
		/* The other kind of walk takes the same steps, begun anywhere. */
		KUNIT_ASSERT_PTR_EQ(test, node, same);
		KUNIT_ASSERT_TRUE(test, list_equal(&key, &on));
		if (below(m, 8) == 0)
			same = nld_trie_next(&m->trie, &on, true, &m->walk);
		else
			same = nld_walk_on(&m->trie, node, &on, &m->walk);
	}
	KUNIT_ASSERT_NULL(test, same);
	KUNIT_ASSERT_EQ(test, seen, m->used);
	/* In each tree one fork less than what hangs in it. */
	KUNIT_ASSERT_LE(test, m->trie.nodes,
			m->used ? 2 * m->used + TABLES - 1 : 0);
}

static struct model *model_new(struct kunit *test, u8 words)
{
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	mutex_init(&m->lock);
	prandom_seed_state(&m->rnd, 0x6e6c64 + words);
	nld_trie_init(&m->trie, &m->lock, words);
	return m;
}

static unsigned int freed;

static void count_free(struct nld_node *node, void *data)
{
	freed++;
}

static void check_random(struct kunit *test, u8 words)
{
	struct model *m = model_new(test, words);
	unsigned int i;

	for (i = 0; i < OPERATIONS; i++) {
		/* Waves, so that it is full, and empty, many times. */
		bool fill = (i / 2000) % 2 == 0;

		mutex_lock(&m->lock);
		if (below(m, 4) == 0)
			do_ask(test, m);
		else if (below(m, 4) == 0 ? !fill : fill)
			do_insert(test, m);
		else
			do_delete(test, m);
		if (i % 500 == 0)
			check_walk(test, m);
		mutex_unlock(&m->lock);
		if (i % 500 == 0)
			cond_resched();
	}

	freed = 0;
	nld_trie_exit(&m->trie, count_free, NULL);
	KUNIT_EXPECT_EQ(test, freed, m->used);
	KUNIT_EXPECT_EQ(test, m->trie.nodes, 0);
}

static void random_inet(struct kunit *test)
{
	check_random(test, 1);
}

static void random_inet6(struct kunit *test)
{
	check_random(test, 4);
}

static void set_key(struct nld_key *key, u32 table, u32 addr, u8 len)
{
	memset(key, 0, sizeof(*key));
	key->table = table;
	key->word[0] = cpu_to_be32(addr);
	key->bits = len;
}

/* A default route is of its table only, and the longest prefix wins. */
static void tables_apart(struct kunit *test)
{
	struct model *m = model_new(test, 1);
	struct nld_route *any = &m->entry[0], *host = &m->entry[1];
	struct nld_key key;

	mutex_lock(&m->lock);
	set_key(&key, 254, 0, 0);
	KUNIT_EXPECT_NULL(test, nld_trie_lookup(&m->trie, &key));
	KUNIT_EXPECT_NULL(test, nld_trie_next(&m->trie, &key, false, NULL));
	trie_insert(test, m, &key, any);
	set_key(&key, 254, 0x0a000001, 32);
	trie_insert(test, m, &key, host);
	KUNIT_EXPECT_PTR_EQ(test, route_of(m, nld_trie_lookup(&m->trie, &key)),
			    host);
	set_key(&key, 254, 0x0a000002, 32);
	KUNIT_EXPECT_PTR_EQ(test, route_of(m, nld_trie_lookup(&m->trie, &key)),
			    any);
	set_key(&key, 255, 0x0a000001, 32);
	KUNIT_EXPECT_NULL(test, nld_trie_lookup(&m->trie, &key));
	mutex_unlock(&m->lock);
	nld_trie_exit(&m->trie, count_free, NULL);
}

/*
 * What stays while others come and go: the default route, and one host in each
 * of these many networks.
 */
#define STAY	64

static void stay_key(struct nld_key *key, unsigned int at)
{
	set_key(key, 254, at << 24 | 0x00010101, 32);
}

struct reader {
	struct model *m;
	struct nld_walk walk;
	unsigned long wrong;
	unsigned long missed;
	unsigned long rounds;
};

/* Whatever the writer does, an answer covers the question, and is never none. */
static void read_lookup(struct reader *reader, struct rnd_state *rnd)
{
	struct nld_key key, found;
	struct nld_node *node;

	set_key(&key, 254, prandom_u32_state(rnd) & 0x3f0f0f0f, 32);
	rcu_read_lock();
	node = nld_trie_lookup(&reader->m->trie, &key);
	if (node) {
		found = key;
		nld_node_key(&reader->m->trie, node, &found);
		if (!list_covers(&found, &key))
			reader->wrong++;
	} else {
		reader->wrong++;
	}
	rcu_read_unlock();
}

/* A walk sees all that nobody touches, each once, in order. */
static void read_walk(struct reader *reader)
{
	struct nld_key key = {}, last = {}, stay;
	const struct nld_trie *trie = &reader->m->trie;
	unsigned int stayed = 0;
	struct nld_node *node;
	bool after = false;

	rcu_read_lock();
	node = nld_trie_next(trie, &key, false, &reader->walk);
	for (; node; after = true) {
		if (after && !list_before(&last, &key))
			reader->wrong++;
		last = key;
		if (stayed < STAY) {
			stay_key(&stay, stayed);
			stayed += list_equal(&stay, &key);
		}
		if (be32_to_cpu(key.word[0]) >> 24 & 1) {
			node = nld_walk_on(trie, node, &key, &reader->walk);
			continue;
		}
		/* As a dump does between two parts. */
		rcu_read_unlock();
		rcu_read_lock();
		node = nld_trie_next(trie, &key, true, &reader->walk);
	}
	rcu_read_unlock();
	reader->missed += stayed != STAY;
}

static int reader_main(void *data)
{
	struct reader *reader = data;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 7);
	while (!kthread_should_stop()) {
		unsigned int i;

		for (i = 0; i < 100; i++)
			read_lookup(reader, &rnd);
		read_walk(reader);
		reader->rounds++;
		cond_resched();
	}
	return 0;
}

static void reader_and_writer(struct kunit *test)
{
	struct model *m = model_new(test, 1);
	struct reader *reader;
	struct task_struct *task;
	struct nld_key key;
	unsigned int i;

	reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, reader);
	reader->m = m;
	mutex_lock(&m->lock);
	set_key(&key, 254, 0, 0);
	trie_insert(test, m, &key, &m->entry[0]);
	for (i = 0; i < STAY; i++) {
		stay_key(&key, i);
		trie_insert(test, m, &key, &m->entry[2]);
	}
	mutex_unlock(&m->lock);
	task = kthread_run(reader_main, reader, "nld_trie_reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));

	for (i = 0; i < OPERATIONS; i++) {
		/* Some above what stays, some beside it. */
		set_key(&key, 254, prandom_u32_state(&m->rnd) & 0x3f010f00,
			24);
		if (i % 3 == 0)
			set_key(&key, 254, be32_to_cpu(key.word[0]) & 0xffff0000, 16);
		mutex_lock(&m->lock);
		if (nld_trie_exact(&m->trie, &key))
			trie_remove(test, m, &key);
		else
			trie_insert(test, m, &key, &m->entry[1]);
		mutex_unlock(&m->lock);
		cond_resched();
	}
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, reader->wrong, 0);
	KUNIT_EXPECT_EQ(test, reader->missed, 0);
	KUNIT_EXPECT_GT(test, reader->rounds, 0);
	nld_trie_exit(&m->trie, count_free, NULL);
}

static struct kunit_case nld_trie_cases[] = {
	KUNIT_CASE(tables_apart),
	KUNIT_CASE(random_inet),
	KUNIT_CASE(random_inet6),
	KUNIT_CASE(reader_and_writer),
	{}
};

static struct kunit_suite nld_trie_suite = {
	.name = "nld_trie",
	.test_cases = nld_trie_cases,
};

kunit_test_suite(nld_trie_suite);

MODULE_DESCRIPTION("KUnit tests of nld's trie");
MODULE_LICENSE("GPL");
