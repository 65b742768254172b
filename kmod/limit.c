// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much there may be: records, and bytes, because a record with 64 next
 * hops takes as much as a dozen others
 *
 * What is made is taken from three shares before it is made, and given back
 * when it is gone: the namespace's own; the host's; and between them, for
 * namespaces that belong to users (that is, not to the first user namespace),
 * what all of them may have together. Anybody may make such a namespace, so
 * their own share is small, and together they never get at what is left for
 * the host.
 */
#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/netlink.h>

#include "limit.h"

static unsigned int max_routes = 4 * 1024 * 1024;
module_param(max_routes, uint, 0644);
MODULE_PARM_DESC(max_routes,
		 "Routes on the whole host (default 4194304, 0: no limit)");

static unsigned int max_routes_netns = 2 * 1024 * 1024;
module_param(max_routes_netns, uint, 0644);
MODULE_PARM_DESC(max_routes_netns,
		 "Routes in a network namespace (default 2097152, 0: no limit)");

static unsigned int max_routes_user = 16 * 1024;
module_param(max_routes_user, uint, 0644);
MODULE_PARM_DESC(max_routes_user,
		 "Routes in a network namespace of another user namespace than the first (default 16384, 0: as in others)");

static unsigned long max_bytes = 2UL << 30;
module_param(max_bytes, ulong, 0644);
MODULE_PARM_DESC(max_bytes,
		 "Bytes of memory on the whole host (default 2 GiB, 0: no limit)");

static unsigned long max_bytes_netns = 1UL << 30;
module_param(max_bytes_netns, ulong, 0644);
MODULE_PARM_DESC(max_bytes_netns,
		 "Bytes of memory in a network namespace (default 1 GiB, 0: no limit)");

static unsigned long max_bytes_user = 8UL << 20;
module_param(max_bytes_user, ulong, 0644);
MODULE_PARM_DESC(max_bytes_user,
		 "Bytes of memory in a network namespace of another user namespace than the first (default 8 MiB, 0: as in others)");

/* Of the host's share, what all namespaces of users get together. */
#define USERS_PART	4

static atomic64_t host_routes, host_bytes, users_routes, users_bytes;

unsigned int nld_limit_host(void)
{
	return READ_ONCE(max_routes);
}

unsigned long nld_limit_bytes_host(void)
{
	return READ_ONCE(max_bytes);
}

static unsigned long smaller(unsigned long a, unsigned long b)
{
	if (!a || !b)
		return a | b;
	return min(a, b);
}

/* 0: no limit; as everywhere here. */
unsigned int nld_limit_netns(const struct nld_net *nn)
{
	unsigned int max = READ_ONCE(max_routes_netns);

	if (nld_net_foreign(nn))
		max = smaller(max, READ_ONCE(max_routes_user));
	return max;
}

unsigned long nld_limit_bytes_netns(const struct nld_net *nn)
{
	unsigned long max = READ_ONCE(max_bytes_netns);

	if (nld_net_foreign(nn))
		max = smaller(max, READ_ONCE(max_bytes_user));
	return max;
}

static bool take(atomic64_t *from, u64 amount, u64 max)
{
	if (!amount || atomic64_add_return(amount, from) <= max || !max)
		return true;
	atomic64_sub(amount, from);
	return false;
}

static u64 part(u64 max)
{
	return max ? DIV_ROUND_UP(max, USERS_PART) : 0;
}

static bool take_host(const struct nld_net *nn, u64 amount, u64 max,
		      atomic64_t *host, atomic64_t *users)
{
	bool foreign = nld_net_foreign(nn);

	if (foreign && !take(users, amount, part(max)))
		return false;
	if (take(host, amount, max))
		return true;
	if (foreign)
		atomic64_sub(amount, users);
	return false;
}

/**
 * nld_limit_take - take what is about to be made from all shares
 * @nn: the namespace, locked
 * @routes: records
 * @bytes: memory
 * @instead: of it, what goes when it comes; so a record can be replaced when
 *	there is no room for another
 * @extack: where to say which limit is reached; or NULL
 *
 * Return: 0 or -ENOSPC.
 */
int nld_limit_take(struct nld_net *nn, unsigned int routes, size_t bytes,
		   size_t instead, struct netlink_ext_ack *extack)
{
	bool grows;
	u64 max;

	max = nld_limit_netns(nn);
	if (routes && max && nn->routes + routes > max) {
		if (nld_net_foreign(nn))
			NL_SET_ERR_MSG(extack,
				       "limit of routes in a user's namespace is reached (max_routes_user)");
		else
			NL_SET_ERR_MSG(extack,
				       "limit of routes in a namespace is reached (max_routes_netns)");
		return -ENOSPC;
	}
	grows = bytes > instead;
	max = nld_limit_bytes_netns(nn);
	if (grows && max && nn->bytes + bytes - instead > max) {
		if (nld_net_foreign(nn))
			NL_SET_ERR_MSG(extack,
				       "limit of memory in a user's namespace is reached (max_bytes_user)");
		else
			NL_SET_ERR_MSG(extack,
				       "limit of memory in a namespace is reached (max_bytes_netns)");
		return -ENOSPC;
	}
	if (!take_host(nn, routes, READ_ONCE(max_routes), &host_routes,
		       &users_routes)) {
		NL_SET_ERR_MSG(extack,
			       "limit of routes on this host is reached (max_routes)");
		return -ENOSPC;
	}
	if (!take_host(nn, bytes, grows ? READ_ONCE(max_bytes) : 0, &host_bytes,
		       &users_bytes)) {
		atomic64_sub(routes, &host_routes);
		if (nld_net_foreign(nn))
			atomic64_sub(routes, &users_routes);
		NL_SET_ERR_MSG(extack,
			       "limit of memory on this host is reached (max_bytes)");
		return -ENOSPC;
	}
	nn->routes += routes;
	nn->bytes += bytes;
	return 0;
}

/* Give back what is gone, or was not made after all. */
void nld_limit_give(struct nld_net *nn, unsigned int routes, size_t bytes)
{
	if (!routes && !bytes)
		return;
	nn->routes -= routes;
	nn->bytes -= bytes;
	atomic64_sub(routes, &host_routes);
	atomic64_sub(bytes, &host_bytes);
	if (!nld_net_foreign(nn))
		return;
	atomic64_sub(routes, &users_routes);
	atomic64_sub(bytes, &users_bytes);
}
