// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invariant: whichever allocation fails during an operation on nld.ko, the
 * operation is done or not done and says which; or it says that something was
 * lost (ENOBUFS), to whoever lost it. The tables, their counters and their
 * generation are right afterwards, and the operation works again.
 *
 *	failures MODULE [plant]
 *
 * Every operation is repeated with the first allocation made to fail, then
 * the second, and so on until it runs through without a failure
 * (/proc/thread-self/fail-nth, with failslab). MODULE is the file of nld.ko.
 * Needs the sanitizer kernel, root, and no other user of the module.
 *
 * Prints one JSON object: of each operation the allocations that were failed,
 * and what became of it then. Exit status 0: the invariant held. With "plant"
 * a record is removed behind the program's back, to show that it notices.
 */
#define _GNU_SOURCE
#include <poll.h>

#include "operations.h"

#define PARAMETERS	"/sys/module/nld/parameters/"

enum kind { READS, CHANGES, DEVICE_GOES, LOADS };

static const struct operation {
	const char *name;
	void (*prepare)(void);
	int (*act)(void);
	enum kind kind;
} operations[] = {
	{ "create", base, act_create, CHANGES },
	{ "create in a new fork", base, act_create_fork, CHANGES },
	{ "create with another metric", base, act_create_metric, CHANGES },
	{ "create with 64 next hops", base, act_create_list, CHANGES },
	{ "create, expiring", base, act_create_expiring, CHANGES },
	{ "create, with echo", base, act_create_echo, CHANGES },
	{ "create, one listener", base_and_listener, act_create, CHANGES },
	{ "create with echo, two listeners", base_and_listeners, act_create_echo, CHANGES },
	{ "replace", base, act_replace, CHANGES },
	{ "replace, two listeners", base_and_listeners, act_replace, CHANGES },
	{ "replace by the same, with echo", base, act_replace_same_echo, READS },
	{ "delete", base, act_delete, CHANGES },
	{ "delete with echo, one listener", base_and_listener, act_delete_echo, CHANGES },
	{ "refuse", base, act_refused, READS },
	{ "get", base, act_get, READS },
	{ "get 64 next hops", base, act_get_list, READS },
	{ "lookup", base, act_lookup, READS },
	{ "flush", base, act_flush, CHANGES },
	{ "flush with echo, two listeners", base_and_listeners, act_flush_echo, CHANGES },
	{ "stats", base, act_stats, READS },
	{ "info", base, act_info, READS },
	{ "greet", base, act_greet, READS },
	{ "legacy greeting", base, act_legacy, READS },
	{ "open a socket", base, act_open, READS },
	{ "join the group", base, act_join, READS },
	{ "a device goes, one listener", base_and_listener, act_device_gone, DEVICE_GOES },
	{ "a namespace comes", base, act_namespace, READS },
	{ "the module is loaded", NULL, load, LOADS },
};

struct tally { unsigned int injected, refused, lost, done; };

static struct tally total;
static int first_row = 1;

static void print_tally(const char *name, const struct tally *t)
{
	printf("%s\n{\"operation\": \"%s\", \"injected\": %u, \"refused\": %u, \"lost\": %u, \"done\": %u}",
	       first_row ? "" : ",", name, t->injected, t->refused, t->lost, t->done);
	fflush(stdout);
	first_row = 0;
	total.injected += t->injected;
	total.refused += t->refused;
	total.lost += t->lost;
	total.done += t->done;
}

/* What a result means for the tables. */
static void check_result(const struct operation *op, int result)
{
	int as_before = same(&now, &before), as_expected = same(&now, &expected);

	/* Without memory for what is left of a record it goes as a whole. */
	if (op->kind == DEVICE_GOES && now.seen <= expected.seen)
		as_expected = 1;

	switch (result) {
	case 0:
	case -ENOBUFS:	/* done, but the echo is lost */
		if (!as_expected)
			die("done, but the tables are not as they should be");
		return;
	case LOST:
		if (!as_before && !as_expected)
			die("the tables are neither as before nor as after");
		return;
	case -ENOMEM:
		if (!as_before)
			die("refused, but the tables have changed");
		return;
	}
	die("ended with %d", result);
}

static void run(const struct operation *op, int plant)
{
	struct tally t = { 0 };
	unsigned int n;
	int result, injected;

	op->prepare();
	result = op->act();
	if (result)
		die("ends with %d without injected failures", result);
	if (op->kind == DEVICE_GOES)
		settle();
	take_state(&expected);
	for (n = 1;; n++) {
		__u64 from;

		open_listeners(0);
		snprintf(doing, sizeof(doing), "%s, failure %u", op->name, n);
		op->prepare();
		take_state(&before);
		from = before.generation;
		arm(n);
		result = op->act();
		injected = disarm();
		if (op->kind == DEVICE_GOES && result != -ENOMEM)
			settle();
		if (plant && n == 2) {
			act_delete();
			open_requests();
		}
		take_state(&now);
		check_result(op, result);
		if (check_listeners(from, now.generation) && injected && !result)
			result = LOST;
		if (!injected)
			break;
		t.injected++;
		t.refused += result == -ENOMEM;
		t.lost += result == LOST || result == -ENOBUFS;
		t.done += !result;
	}
	open_listeners(0);
	if (result)
		die("ends with %d after the injected failures", result);
	print_tally(op->name, &t);
}

static void run_load(const struct operation *op)
{
	struct tally t = { 0 };
	unsigned int n;
	int result, injected = 1;

	for (n = 1; injected; n++) {
		snprintf(doing, sizeof(doing), "%s, failure %u", op->name, n);
		unload();
		arm(n);
		result = op->act();
		injected = disarm();
		if (loaded() != (result == 0))
			die("ended with %d, and the module is %sthere", result, loaded() ? "" : "not ");
		if (!injected)
			break;
		t.injected++;
		t.refused += result < 0;
		t.done += !result;
	}
	if (result)
		die("ends with %d after the injected failures", result);
	print_tally(op->name, &t);
}

static void run_dump(const char *name, int from_start)
{
	struct tally t = { 0 };
	int injected = 1, result = 0;
	unsigned int n;

	base_and_many();
	take_state(&before);
	for (n = 1; injected; n++) {
		snprintf(doing, sizeof(doing), "%s, failure %u", name, n);
		result = act_dump_parts(from_start, n, &injected);
		if (result && result != LOST && result != -ENOMEM && result != -ENOBUFS)
			die("ended with %d", result);
		t.injected += injected;
		t.refused += injected && result < 0;
		t.lost += injected && result == LOST;
		t.done += injected && !result;
		if (n > 1000)
			die("no end");
	}
	if (result)
		die("ends with %d after the injected failures", result);
	take_state(&now);
	if (!same(&now, &before))
		die("a dump changed the tables");
	print_tally(name, &t);
}

static void cause_expiry(void)
{
	struct nlmsghdr *nlh = begin_request(NLD_MSG_ROUTE_NEW, NLM_F_CREATE);

	put_prefix(nlh, "10.9.0.0", 16);
	put_u32(&out, NLD_A_OIF, DEVICE);
	put_u32(&out, NLD_A_EXPIRES, 1);
	end(&out, nlh);
	must();
}

static void await_expiry(void)
{
	struct pollfd poll_fd = { .fd = listener_fd[1], .events = POLLIN };

	/* Both listeners hear of it at the same time; an error counts too. */
	if (poll(&poll_fd, 1, 10000) != 1)
		die("nothing was announced, and no word of it");
}

static void nothing(void)
{
}

static void await_departure(void)
{
	if (link_delete(DEVICE))
		die("deleting the device");
	settle();
}

/*
 * An announcement follows its change, and both are made under the mutex that
 * every writer takes: a worker that is seen to be done may still have to tell.
 */
static void await_announcements(void)
{
	struct nlmsghdr *nlh = begin_request(NLD_MSG_ROUTE_DEL, 0);

	head(nlh)->family = AF_INET;
	put_u32(&out, NLD_A_TABLE, 77);
	end(&out, nlh);
	if (request() != -ESRCH)
		die("deleting what is not there");
}

/*
 * Expiry and departure run in workers of the kernel's, so what fails is one
 * allocation below the worker's own code, a few bytes later each time. At
 * least @gone records go.
 */
static void run_worker(const char *name, const char *worker, void (*cause)(void), void (*await)(void),
		       unsigned int gone)
{
	struct code code = find_code(worker, 1);
	struct tally t = { 0 };
	int space, failed = 1;
	__u64 from;

	for (space = 0; failed; space += 128) {
		int told;

		snprintf(doing, sizeof(doing), "%s, failure behind %d bytes", name, space);
		base_and_listeners();
		take_counters(&before);
		from = before.generation;
		cause();
		take_counters(&before);
		check_listeners(from, before.generation);
		fail_below(&code, space);
		await();
		failed = fail_no_more();
		await_announcements();
		take_state(&now);
		if (now.routes > before.routes - gone)
			die("%llu records are there, of %llu", now.routes, before.routes);
		told = check_listeners(before.generation, now.generation);
		t.injected += failed;
		t.lost += failed && told;
		t.done += failed && !told;
	}
	open_listeners(0);
	print_tally(name, &t);
}

/* The count of all records, which nothing shows, is right if the limit is. */
static void check_limit(void)
{
	unsigned long limit = read_number(PARAMETERS "max_routes");

	snprintf(doing, sizeof(doing), "the limit");
	need_device();
	open_requests();
	flush();
	take_counters(&now);
	if (now.routes || now.bytes)
		die("after a flush: %llu records, %llu bytes and nodes", now.routes, now.bytes);
	write_file(PARAMETERS "max_routes", "1");
	new_route(NLM_F_CREATE, "10.1.0.0", 16, 0);
	must();
	new_route(NLM_F_CREATE, "10.2.0.0", 16, 0);
	if (request() != -ENOSPC)
		die("one record too many");
	write_file(PARAMETERS "max_routes", "%lu", limit);
	flush();
}

int main(int argc, char **argv)
{
	unsigned int i;
	int plant = argc > 2 && !strcmp(argv[2], "plant");

	if (argc < 2) {
		fprintf(stderr, "usage: failures MODULE [plant]\n");
		return 2;
	}
	module_path = argv[1];
	inject_init();
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		die("the namespace of this program");
	unload();
	if (load())
		die("the module cannot be loaded");

	printf("{\"operations\": [");
	for (i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (operations[i].kind == LOADS)
			run_load(&operations[i]);
		else
			run(&operations[i], plant);
	run_dump("dump", 1);
	run_dump("dump, later parts", 0);
	run_worker("expiry, two listeners", "expire", cause_expiry, await_expiry, 1);
	/* Two records have the device alone; of the others something is left, if there is memory for it. */
	run_worker("departure, two listeners", "depart", nothing, await_departure, 2);
	check_limit();
	open_listeners(0);
	close(request_fd);
	link_delete(DEVICE);
	printf("],\n\"total\": {\"injected\": %u, \"refused\": %u, \"lost\": %u, \"done\": %u}}\n", total.injected,
	       total.refused, total.lost, total.done);
	return 0;
}
