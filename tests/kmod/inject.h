/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocation failures on demand: the n-th of this thread from now on
 * (/proc/thread-self/fail-nth), and the files that rule failslab.
 */
#ifndef NLD_TEST_INJECT_H
#define NLD_TEST_INJECT_H

#include <fcntl.h>

#include "wire.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"

static int nth_fd;

static void write_file(const char *path, const char *format, ...)
{
	char text[64];
	va_list list;
	int fd, len;

	va_start(list, format);
	len = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, len) != len)
		die("%s", path);
	close(fd);
}

static unsigned long read_number(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 1)
		die("%s", path);
	close(fd);
	return strtoul(text, NULL, 0);
}

/*
 * What kmemleak allocates for its own books is no site of ours: it copes with
 * a failure, which would then be counted for nothing.
 */
static void spare_kmemleak(void)
{
	unsigned long address, first = 0;
	FILE *f = fopen("/proc/kallsyms", "re");
	char name[128];

	if (!f)
		die("/proc/kallsyms");
	while (fscanf(f, "%lx %*s %127s%*[^\n]", &address, name) == 2) {
		if (first && address > first)
			break;
		if (!strcmp(name, "__alloc_object"))
			first = address;
	}
	fclose(f);
	if (!first)
		die("no kmemleak");
	write_file(FAILSLAB "reject-start", "0x%lx", first);
	write_file(FAILSLAB "reject-end", "0x%lx", address);
}

static void arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(nth_fd, text, len, 0) != len)
		die("fail-nth");
}

/* Returns whether a failure was injected since arm(). */
static int disarm(void)
{
	char text[16] = "";

	if (pread(nth_fd, text, sizeof(text) - 1, 0) < 1)
		die("fail-nth");
	arm(0);
	return !atoi(text);
}

/* Also what may sleep is to fail; and not with a stack in the log each time. */
static void inject_init(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		die("this kernel cannot inject failures");
	write_file(FAILSLAB "ignore-gfp-wait", "N");
	write_file(FAILSLAB "verbose", "0");
	spare_kmemleak();
}

#endif
