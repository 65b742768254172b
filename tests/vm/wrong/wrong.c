// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that is wrong on purpose: proves that the sanitizer kernel sees it.
 *
 * fault=1 reads freed memory, fault=2 forgets memory, fault=3 reads past an
 * array, fault=4 may sleep under a spinlock, fault=5 takes two locks in either
 * order. Without a fault it does nothing.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static int fault;
module_param(fault, int, 0444);

static int table[4];
static volatile int index = 4;
static DEFINE_SPINLOCK(lock);
static DEFINE_SPINLOCK(other);
static DEFINE_MUTEX(mutex);

static void use_after_free(void)
{
	volatile char *memory = kmalloc(64, GFP_KERNEL);

	if (!memory)
		return;
	kfree((void *)memory);
	pr_info("read %d\n", memory[8]);
}

static void leak(void)
{
	int i;

	/* Several: the last one's address may linger on the stack. */
	for (i = 0; i < 16; i++)
		if (!kmalloc(64, GFP_KERNEL))
			return;
}

static void sleep_under_lock(void)
{
	spin_lock(&lock);
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
	spin_unlock(&lock);
}

static void lock_in_either_order(void)
{
	spin_lock(&lock);
	spin_lock(&other);
	spin_unlock(&other);
	spin_unlock(&lock);

	spin_lock(&other);
	spin_lock(&lock);
	spin_unlock(&lock);
	spin_unlock(&other);
}

static int __init wrong_init(void)
{
	switch (fault) {
	case 1:
		use_after_free();
		break;
	case 2:
		leak();
		break;
	case 3:
		pr_info("read %d\n", table[index]);
		break;
	case 4:
		sleep_under_lock();
		break;
	case 5:
		lock_in_either_order();
		break;
	}
	return 0;
}

static void __exit wrong_exit(void)
{
}

module_init(wrong_init);
module_exit(wrong_exit);
MODULE_DESCRIPTION("Faults for the sanitizer kernel to find");
MODULE_LICENSE("GPL");
