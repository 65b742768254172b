// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that is wrong on purpose: proves that the kernels that watch
 * themselves see it.
 *
 * fault=1 reads freed memory, fault=2 forgets memory, fault=3 reads past an
 * array, fault=4 may sleep under a spinlock, fault=5 takes two locks in either
 * order, fault=6 lets two threads count without a lock, fault=7 takes a lock
 * that may sleep, on PREEMPT_RT, where nothing may. Without a fault it does
 * nothing.
 */
#include <linux/kthread.h>
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

static unsigned long counter;

static void add(unsigned int times)
{
	while (times--) {
		counter++;
		barrier();
	}
}

static int keep_adding(void *unused)
{
	while (!kthread_should_stop()) {
		add(1000);
		cond_resched();
	}
	return 0;
}

static void add_from_two_threads(void)
{
	struct task_struct *task = kthread_run(keep_adding, NULL, "wrong");

	if (IS_ERR(task))
		return;
	add(1000000);
	kthread_stop(task);
}

static void lock_without_preemption(void)
{
	preempt_disable();
	spin_lock(&lock);
	spin_unlock(&lock);
	preempt_enable();
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
	case 6:
		add_from_two_threads();
		break;
	case 7:
		lock_without_preemption();
		break;
	}
	return 0;
}

static void __exit wrong_exit(void)
{
}

module_init(wrong_init);
module_exit(wrong_exit);
MODULE_DESCRIPTION("Faults for a kernel that watches itself to find");
MODULE_LICENSE("GPL");
