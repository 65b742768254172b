// SPDX-License-Identifier: GPL-2.0-only
/*
 * A large table, in nld.ko and in the kernel's FIB, side by side
 *
 *	million fib|module|fill ROUTES LOOKUPS IFINDEX
 *
 * Makes ROUTES different IPv4 prefixes with the lengths of an Internet table,
 * puts them into the kernel in sends of 32 KB, dumps them, looks LOOKUPS
 * random addresses up, takes all out (of the FIB by removing the device, as
 * it has no flush), and prints one JSON object:
 *
 *	insert_us, lookup_us	microseconds for one, wall clock
 *	dump_s, flush_s		seconds for all
 *	bytes			of slab memory that each took
 *	left			bytes of slab memory not given back
 *
 * In the module each answer is compared with an oracle that knows nothing of
 * tries: it asks a hash table for each length in turn, longest first; and the
 * dump must be the table, record by record. With fill the module is left with
 * the routes in it. Exit status 0 means that everything agreed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../kmod/uapi/nld.h"

#define SEND_SIZE 32768
#define BATCH 64	/* lookups in a send */

struct prefix {
	__u32 addr;
	__u8 len;
};

static int module;
static int fd;
static __u32 ifindex;
static __u32 seq;
static char out[SEND_SIZE + 256];
static size_t used;
static char in[1 << 17];

static struct prefix *list;
static unsigned int count;
static struct prefix *hash;
static unsigned int hash_mask;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* xorshift: the same table in each run. */
static __u64 state = 0x6e6c646b6e6c646bULL;

static __u32 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 16;
}

static __u32 mask(unsigned int len)
{
	return len ? ~0U << (32 - len) : 0;
}

static struct prefix *slot(__u32 addr, unsigned int len)
{
	unsigned int i = (addr * 2654435761U) ^ (len * 40503U << 12);

	for (i ^= i >> 15;; i++) {
		struct prefix *p = &hash[i & hash_mask];

		if (!p->len || (p->addr == addr && p->len == len))
			return p;
	}
}

/* Per cent of the prefixes of each length, roughly as in 2025. */
static unsigned int random_len(void)
{
	static const struct { unsigned char len, share; } table[] = {
		{ 24, 60 }, { 23, 10 }, { 22, 11 }, { 21, 5 }, { 20, 5 },
		{ 19, 3 }, { 18, 2 }, { 17, 1 }, { 16, 2 }, { 14, 1 },
	};
	unsigned int i, at = rnd() % 100;

	for (i = 0; at >= table[i].share; i++)
		at -= table[i].share;
	return table[i].len;
}

/* Routable unicast, so that the FIB takes it and finds it. */
static __u32 random_addr(void)
{
	__u32 first;

	do {
		first = 1 + rnd() % 222;
	} while (first == 127 || first == 10);
	return first << 24 | (rnd() & 0xffffff);
}

static void make_table(unsigned int routes)
{
	for (hash_mask = 1; hash_mask < routes * 2; hash_mask <<= 1)
		;
	hash = calloc(hash_mask, sizeof(*hash));
	list = calloc(routes, sizeof(*list));
	if (!hash || !list)
		die("calloc");
	hash_mask--;
	while (count < routes) {
		unsigned int len = random_len();
		__u32 addr = random_addr() & mask(len);
		struct prefix *p = slot(addr, len);

		if (p->len)
			continue;
		p->addr = addr;
		p->len = len;
		list[count++] = *p;
	}
}

static unsigned int oracle(__u32 addr)
{
	unsigned int len;

	for (len = 32; len; len--)
		if (slot(addr & mask(len), len)->len)
			return len;
	return 0;
}

static void put(int type, const void *data, size_t len)
{
	struct nlattr *a = (struct nlattr *)(out + used);

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memcpy(out + used + NLA_HDRLEN, data, len);
	used += NLA_ALIGN(a->nla_len);
}

static void put_u32(int type, __u32 value)
{
	put(type, &value, sizeof(value));
}

/* Returns the header, to be finished with end(). */
static struct nlmsghdr *begin(int type, int flags, struct prefix p, int lookup)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)(out + used);
	__u32 addr = htonl(p.addr);

	memset(nlh, 0, sizeof(*nlh) + sizeof(struct rtmsg));
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++seq;
	used += NLMSG_HDRLEN;
	if (module) {
		struct nldmsg *hdr = NLMSG_DATA(nlh);

		hdr->family = AF_INET;
		hdr->dst_len = p.len;
		hdr->flags = lookup ? NLD_F_LOOKUP : 0;
		used += NLMSG_ALIGN(sizeof(*hdr));
	} else {
		struct rtmsg *hdr = NLMSG_DATA(nlh);

		hdr->rtm_family = AF_INET;
		hdr->rtm_dst_len = p.len;
		if (lookup) {
			hdr->rtm_flags = RTM_F_FIB_MATCH;
		} else {
			hdr->rtm_table = RT_TABLE_MAIN;
			hdr->rtm_protocol = 99;
			hdr->rtm_type = RTN_UNICAST;
			hdr->rtm_flags = RTNH_F_ONLINK;
		}
		used += NLMSG_ALIGN(sizeof(*hdr));
	}
	if (p.len)
		put(module ? NLD_A_DST : RTA_DST, &addr, sizeof(addr));
	return nlh;
}

static void end(struct nlmsghdr *nlh)
{
	nlh->nlmsg_len = out + used - (char *)nlh;
}

static void flush_out(void)
{
	if (used && send(fd, out, used, 0) != (ssize_t)used)
		die("send");
	used = 0;
}

/* Reads until the message with sequence number @last; returns the errors. */
static unsigned int wait_for(__u32 last)
{
	unsigned int errors = 0;

	for (;;) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)in;
		ssize_t len = recv(fd, in, sizeof(in), 0);

		if (len < 0)
			die("recv");
		for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			struct nlmsgerr *err = NLMSG_DATA(nlh);

			if (nlh->nlmsg_type == NLMSG_ERROR && err->error) {
				if (!errors++)
					fprintf(stderr, "message %u: %s\n",
						nlh->nlmsg_seq, strerror(-err->error));
			}
			if (nlh->nlmsg_seq == last)
				return errors;
		}
	}
}

/* All routes, in or out. */
static unsigned int change_all(int type, int flags)
{
	static const __u8 protocol = 99;
	__u32 gateway = htonl(0xc0000201);
	unsigned int i, errors = 0;

	for (i = 0; i < count; i++) {
		int last = i + 1 == count || used > SEND_SIZE - 128;
		struct nlmsghdr *nlh = begin(type, flags | (last ? NLM_F_ACK : 0),
					     list[i], 0);

		put(module ? NLD_A_GATEWAY : RTA_GATEWAY, &gateway, sizeof(gateway));
		put_u32(module ? NLD_A_OIF : RTA_OIF, ifindex);
		if (module)
			put(NLD_A_PROTOCOL, &protocol, sizeof(protocol));
		end(nlh);
		if (last) {
			flush_out();
			errors += wait_for(seq);
		}
	}
	return errors;
}

/* Is it a prefix of the table, and one behind the last? Then none comes twice. */
static int is_next(const struct nldmsg *hdr)
{
	static __u64 last;
	const struct nlattr *dst = (const struct nlattr *)(hdr + 1);
	__u32 addr = ntohl(*(const __u32 *)(dst + 1));
	__u64 here = (__u64)addr << 8 | hdr->dst_len;
	int right = dst->nla_type == NLD_A_DST && here > last &&
		    slot(addr, hdr->dst_len)->len;

	last = here;
	return right;
}

/* Returns the records seen; *intr: the dump was interrupted. */
static unsigned int dump_all(int *intr, unsigned int *wrong)
{
	struct prefix all = { 0, 0 };
	struct nlmsghdr *nlh = begin(module ? NLD_MSG_ROUTE_GET : RTM_GETROUTE,
				     NLM_F_DUMP, all, 0);
	unsigned int seen = 0;

	if (!module)
		memset(NLMSG_DATA(nlh) + 1, 0, sizeof(struct rtmsg) - 1);
	end(nlh);
	flush_out();
	for (;;) {
		ssize_t len = recv(fd, in, sizeof(in), 0);

		if (len < 0)
			die("recv");
		nlh = (struct nlmsghdr *)in;
		for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			*intr |= !!(nlh->nlmsg_flags & NLM_F_DUMP_INTR);
			if (nlh->nlmsg_type == NLMSG_DONE)
				return seen;
			if (nlh->nlmsg_type == NLMSG_ERROR)
				die("dump");
			*wrong += module && !is_next(NLMSG_DATA(nlh));
			seen++;
		}
	}
}

/* Returns how many answers differ from the oracle's. */
static unsigned int lookup_all(unsigned int lookups, double *seconds)
{
	unsigned int done = 0, wrong = 0;
	__u8 found[BATCH];
	__u32 addr[BATCH];

	*seconds = 0;
	while (done < lookups) {
		unsigned int i, got = 0;
		__u32 first = seq + 1;
		double start;

		for (i = 0; i < BATCH; i++) {
			struct prefix p = { .len = 32 };

			/* Half of them where there are routes. */
			p.addr = rnd() % 2 ? random_addr() :
				 list[rnd() % count].addr | (rnd() & 0xff);
			addr[i] = p.addr;
			end(begin(module ? NLD_MSG_ROUTE_GET : RTM_GETROUTE, 0, p, 1));
		}
		start = now();
		flush_out();
		while (got < BATCH) {
			struct nlmsghdr *nlh = (struct nlmsghdr *)in;
			ssize_t len = recv(fd, in, sizeof(in), 0);

			if (len < 0)
				die("recv");
			for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
				struct nldmsg *hdr = NLMSG_DATA(nlh);

				found[nlh->nlmsg_seq - first] =
					nlh->nlmsg_type == NLD_MSG_ROUTE_NEW ?
					hdr->dst_len : 0;
				got++;
			}
		}
		*seconds += now() - start;
		for (i = 0; module && i < BATCH; i++)
			wrong += found[i] != oracle(addr[i]);
		done += BATCH;
	}
	return wrong;
}

/* Removes the device, and with it the FIB's routes. */
static void remove_device(void)
{
	struct {
		struct nlmsghdr nlh;
		struct ifinfomsg info;
	} request = {
		.nlh = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_DELLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
			.nlmsg_seq = ++seq,
		},
		.info.ifi_index = ifindex,
	};

	memcpy(out, &request, sizeof(request));
	used = sizeof(request);
	flush_out();
	if (wait_for(seq))
		exit(1);
}

/* Kernel memory in slabs. */
static long slab_bytes(void)
{
	long kb = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");

	if (!f)
		die("/proc/meminfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Slab: %ld kB", &kb) == 1)
			break;
	fclose(f);
	return kb * 1024;
}

/*
 * The same, as soon as it is not over @enough: what waits for a grace period
 * is freed within seconds. If it stays above, what it came down to.
 */
static long settled_slab_bytes(long enough)
{
	struct timespec pause = { .tv_nsec = 50000000 };
	double limit = now() + 30;
	long bytes, least = slab_bytes();

	while (least > enough && now() < limit) {
		nanosleep(&pause, NULL);
		bytes = slab_bytes();
		if (bytes < least)
			least = bytes;
	}
	return least;
}

int main(int argc, char **argv)
{
	unsigned int routes, lookups, errors, seen, wrong = 0;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int on = 1, size = 8 << 20, intr = 0, fill;
	double start, insert, dump, lookup, flush;
	long before, full, after;

	if (argc != 5) {
		fprintf(stderr, "usage: million fib|module|fill ROUTES LOOKUPS IFINDEX\n");
		return 2;
	}
	fill = !strcmp(argv[1], "fill");
	module = fill || !strcmp(argv[1], "module");
	routes = atoi(argv[2]);
	lookups = atoi(argv[3]);
	ifindex = atoi(argv[4]);

	fd = socket(AF_NETLINK, SOCK_RAW, module ? NETLINK_NLD : NETLINK_ROUTE);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)))
		die("connect");
	make_table(routes);

	before = slab_bytes();
	start = now();
	errors = change_all(module ? NLD_MSG_ROUTE_NEW : RTM_NEWROUTE,
			    NLM_F_CREATE | NLM_F_EXCL);
	insert = now() - start;
	if (fill)
		return !!errors;
	full = slab_bytes();

	start = now();
	seen = dump_all(&intr, &wrong);
	dump = now() - start;

	wrong += lookup_all(lookups, &lookup);

	start = now();
	if (module) {
		struct prefix all = { 0, 0 };
		struct nlmsghdr *nlh = begin(NLD_MSG_FLUSH, NLM_F_ACK, all, 0);

		end(nlh);
		flush_out();
		errors += wait_for(seq);
	} else {
		remove_device();
	}
	flush = now() - start;
	after = settled_slab_bytes(before + (1 << 20));

	printf("{\"table\": \"%s\", \"routes\": %u, \"insert_us\": %.2f, ",
	       argv[1], count, insert * 1e6 / count);
	printf("\"dump_s\": %.2f, \"dump_interrupted\": %s, \"lookups\": %u, ",
	       dump, intr ? "true" : "false", lookups);
	printf("\"lookup_us\": %.2f, \"wrong\": %u, \"flush_s\": %.2f, ",
	       lookup * 1e6 / lookups, wrong, flush);
	printf("\"bytes\": %ld, \"left\": %ld, \"errors\": %u}\n",
	       (full - before) / (long)count, after - before, errors);
	return errors || wrong || intr || (module && seen != count);
}
