// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the processors are while a program runs
 *
 *	profile LINES PROGRAM [ARGUMENT...]
 *
 * Runs the program and looks at every processor each half millisecond of its
 * time that is not idle, by the kernel's own clock event, which needs no
 * hardware. Then prints to stderr, as the program's output is its own: the
 * shares of programs, of each module and of the kernel's own text, and the
 * LINES functions that were met most often. Function names are the symbols of
 * /proc/kallsyms, so a function that the compiler took into another one counts
 * as that. Exit status: the program's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PERIOD_NS	500000
#define PAGES		64	/* of samples, a processor; a power of two */
#define MAX_CPUS	64
#define NAME		56

struct symbol {
	unsigned long start;
	unsigned long hits;
	char name[NAME];
	char module[NAME];	/* "": the kernel's own */
};

struct watch {
	int fd;
	struct perf_event_mmap_page *page;
};

static struct symbol *symbols;
static size_t symbol_count;
static unsigned long user_hits, all_hits, lost;
static struct watch watches[MAX_CPUS];
static int cpus;
static size_t page_size;

static void die(const char *what)
{
	perror(what);
	exit(125);
}

static int by_start(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int by_hits(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->hits > y->hits ? -1 : x->hits < y->hits;
}

static int by_module(const void *a, const void *b)
{
	return strcmp(((const struct symbol *)a)->module, ((const struct symbol *)b)->module);
}

/* After the program, so that modules it loaded are there. */
static void read_symbols(void)
{
	char line[512], type;
	size_t room = 0;
	FILE *f = fopen("/proc/kallsyms", "r");

	if (!f)
		die("/proc/kallsyms");
	while (fgets(line, sizeof(line), f)) {
		struct symbol s = { 0 };

		if (sscanf(line, "%lx %c %55s [%55[^]]", &s.start, &type, s.name, s.module) < 3)
			continue;
		if (!strchr("tTwW", type) || !s.start)
			continue;
		if (symbol_count == room) {
			room = room ? room * 2 : 65536;
			symbols = realloc(symbols, room * sizeof(*symbols));
			if (!symbols)
				die("memory");
		}
		symbols[symbol_count++] = s;
	}
	fclose(f);
	if (!symbol_count) {
		fprintf(stderr, "no addresses in /proc/kallsyms\n");
		exit(125);
	}
	qsort(symbols, symbol_count, sizeof(*symbols), by_start);
}

static void hit(unsigned long ip)
{
	size_t low = 0, high = symbol_count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (symbols[middle].start <= ip)
			low = middle;
		else
			high = middle;
	}
	symbols[low].hits++;
}

static void open_all(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
		.sample_type = PERF_SAMPLE_IP,
		.exclude_idle = 1,
	};

	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus > MAX_CPUS)
		cpus = MAX_CPUS;
	page_size = sysconf(_SC_PAGESIZE);
	for (int i = 0; i < cpus; i++) {
		struct watch *w = &watches[i];

		w->fd = syscall(SYS_perf_event_open, &attr, -1, i, -1, PERF_FLAG_FD_CLOEXEC);
		if (w->fd < 0)
			die("perf_event_open");
		w->page = mmap(NULL, (1 + PAGES) * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
		if (w->page == MAP_FAILED)
			die("mmap");
	}
}

/* A sample is kept as its address; user space's as 0. */
static unsigned long *samples;
static size_t sample_count, sample_room;

static void keep(unsigned long ip)
{
	if (sample_count == sample_room) {
		sample_room = sample_room ? sample_room * 2 : 65536;
		samples = realloc(samples, sample_room * sizeof(*samples));
		if (!samples)
			die("memory");
	}
	samples[sample_count++] = ip;
}

/* All records are multiples of eight bytes, and so is the ring: a field never wraps, a record may. */
static __u64 word(const struct watch *w, __u64 at)
{
	const char *data = (const char *)w->page + page_size;

	return *(const __u64 *)(data + at % (PAGES * page_size));
}

static void drain(struct watch *w)
{
	__u64 head = __atomic_load_n(&w->page->data_head, __ATOMIC_ACQUIRE);
	__u64 at = w->page->data_tail;

	while (at < head) {
		__u64 first = word(w, at);
		struct perf_event_header header;

		memcpy(&header, &first, sizeof(header));
		if (header.type == PERF_RECORD_SAMPLE)
			keep((header.misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL ?
			     word(w, at + sizeof(header)) : 0);
		else if (header.type == PERF_RECORD_LOST)
			lost += word(w, at + sizeof(header) + sizeof(__u64));
		at += header.size;
	}
	__atomic_store_n(&w->page->data_tail, head, __ATOMIC_RELEASE);
}

static void say(const char *name, unsigned long hits)
{
	if (hits)
		fprintf(stderr, "%6.2f %%  %s\n", 100.0 * hits / all_hits, name);
}

static void tell(int lines)
{
	char name[2 * NAME + 8];
	size_t i, from;

	read_symbols();
	for (i = 0; i < sample_count; i++) {
		all_hits++;
		if (samples[i])
			hit(samples[i]);
		else
			user_hits++;
	}
	fprintf(stderr, "%lu samples of %g ms, %lu lost\n", all_hits, PERIOD_NS / 1e6, lost);
	if (!all_hits)
		return;
	say("programs", user_hits);
	qsort(symbols, symbol_count, sizeof(*symbols), by_module);
	for (from = 0; from < symbol_count; from = i) {
		unsigned long hits = 0;

		for (i = from; i < symbol_count && !strcmp(symbols[i].module, symbols[from].module); i++)
			hits += symbols[i].hits;
		snprintf(name, sizeof(name), "[%s]", *symbols[from].module ? symbols[from].module : "kernel");
		say(name, hits);
	}
	qsort(symbols, symbol_count, sizeof(*symbols), by_hits);
	for (i = 0; i < symbol_count && i < lines; i++) {
		snprintf(name, sizeof(name), "    %s%s%s", symbols[i].name, *symbols[i].module ? " " : "",
			 symbols[i].module);
		say(name, symbols[i].hits);
	}
}

int main(int argc, char **argv)
{
	pid_t child, ended;
	int status, i;

	if (argc < 3) {
		fprintf(stderr, "usage: profile LINES PROGRAM [ARGUMENT...]\n");
		return 125;
	}
	open_all();
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		execvp(argv[2], argv + 2);
		die(argv[2]);
	}
	do {
		usleep(5000);
		for (i = 0; i < cpus; i++)
			drain(&watches[i]);
		ended = waitpid(child, &status, WNOHANG);
	} while (!ended);
	if (ended != child)
		die("waitpid");
	for (i = 0; i < cpus; i++) {
		ioctl(watches[i].fd, PERF_EVENT_IOC_DISABLE, 0);
		drain(&watches[i]);
	}
	tell(atoi(argv[1]));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
