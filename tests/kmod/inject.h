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

/* The code of a function of the kernel's or a module's: from @start up to @end. */
struct code {
	unsigned long start, end;
};

/* @module: of the module nld; names are not the only ones of their kind. */
static struct code find_code(const char *function, int module)
{
	struct code code = { 0 };
	unsigned long address;
	char line[512], name[256], owner[64];
	int pass;

	/* A module's symbols are in no order, so the end is looked for when the start is known. */
	for (pass = 0; pass < 2; pass++) {
		FILE *f = fopen("/proc/kallsyms", "re");

		if (!f)
			die("/proc/kallsyms");
		while (fgets(line, sizeof(line), f)) {
			int fields = sscanf(line, "%lx %*s %255s [%63[^]]]", &address, name, owner);

			if (fields < 2 || (module && (fields < 3 || strcmp(owner, "nld"))))
				continue;
			if (!pass && !strcmp(name, function))
				code.start = address;
			if (pass && address > code.start && (!code.end || address < code.end))
				code.end = address;
		}
		fclose(f);
		if (!code.start)
			die("%s() is not in /proc/kallsyms", function);
	}
	return code;
}

/*
 * What kmemleak allocates for its own books is no site of ours: it copes with
 * a failure, which would then be counted for nothing.
 */
static void spare_kmemleak(void)
{
	struct code code = find_code("__alloc_object", 0);

	write_file(FAILSLAB "reject-start", "0x%lx", code.start);
	write_file(FAILSLAB "reject-end", "0x%lx", code.end);
}

/*
 * One failure, of what is allocated below some code, whoever runs it; @space
 * bytes are let through before.
 */
static void fail_below(const struct code *code, int space)
{
	write_file(FAILSLAB "require-start", "0x%lx", code->start);
	write_file(FAILSLAB "require-end", "0x%lx", code->end);
	write_file(FAILSLAB "interval", "1");
	write_file(FAILSLAB "space", "%d", space);
	write_file(FAILSLAB "times", "1");
	write_file(FAILSLAB "probability", "100");
}

/* Returns whether a failure was injected since fail_below(). */
static int fail_no_more(void)
{
	write_file(FAILSLAB "probability", "0");
	write_file(FAILSLAB "require-start", "0");
	write_file(FAILSLAB "require-end", "0x%lx", ~0UL);
	return !read_number(FAILSLAB "times");
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
	fail_no_more();	/* whatever a run before this one left */
	spare_kmemleak();
}

#endif
