// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that is wrong on purpose: proves that the sanitizer kernel sees it.
 *
 * fault=1 reads freed memory, fault=2 forgets memory, fault=3 reads past an
 * array, fault=4 sleeps under a spinlock. Without a fault it does nothing.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static int fault;
module_param(fault, int, 0444);

static int table[4];
static volatile int index = 4;
static DEFINE_SPINLOCK(lock);

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
	msleep(1);
	spin_unlock(&lock);
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
