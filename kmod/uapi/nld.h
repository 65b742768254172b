/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * nld.h - the netlink contract of nld.ko, a routing table manager
 *
 * This header is the manual. It says what goes over the wire; nld.yaml says
 * the same for machines. What is not written here is refused by the module.
 *
 *
 * The socket
 * ----------
 *
 *	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NLD);
 *
 * EPROTONOSUPPORT means that the module is not loaded (modprobe nld); opening
 * a socket does not load it. The
 * number is a module parameter (protocol=) because the last slots of netlink
 * are not registered with anybody; ask NLD_MSG_GET_INFO and compare
 * NLD_INFO_MAGIC and NLD_INFO_ABI before anything else is sent.
 *
 * Every network namespace has its own, empty, set of tables. Reading and
 * joining NLD_GROUP_ROUTE are open to everybody; NLD_MSG_ROUTE_NEW,
 * NLD_MSG_ROUTE_DEL and NLD_MSG_FLUSH need CAP_NET_ADMIN over the namespace's
 * user namespace, both of the process that opened the socket and of the one
 * that sends (EPERM otherwise).
 *
 * Every message is a struct nlmsghdr, a struct nldmsg, and attributes, in any
 * order. Integers are in host byte order, addresses in network byte order.
 * Several messages may be sent at once; each succeeds or fails alone, and
 * those behind a failed one are still carried out. If an attribute that is
 * not a list occurs twice, the last one counts.
 *
 * NLM_F_REQUEST must be set (the kernel passes over messages without it).
 * NLM_F_ACK works on every message but a dump. Failures are answered with or
 * without it, with an extended ack (NETLINK_EXT_ACK): a sentence, and the
 * attribute at fault or the one that is missing. Flags, header fields and
 * attributes that a message does not know are refused, never passed over.
 *
 *
 * The record
 * ----------
 *
 * A record is found by its key: (family, NLD_A_TABLE, NLD_A_DST/dst_len,
 * NLD_A_METRIC). There is never more than one record to a key; several paths
 * are one record with NLD_A_NEXTHOPS. Everything else may be changed by
 * NLM_F_REPLACE, and nothing of the old record is kept then. All of this is
 * the same for IPv4 and IPv6: a metric of 0 is 0 in both. A prefix has at
 * most NLD_MAX_METRICS records in a table, each with a metric of its own.
 *
 * The module stores, looks up, announces and expires records. It forwards
 * only what is routed to a device of its kind; see nld_link.h.
 *
 * A device has to be there when a record names it. A record whose device is
 * unregistered, or moves to another namespace, is deleted and announced
 * (NLD_CAUSE_DEVICE) as soon as other writers give way; the removal of the
 * device does not wait for that. One of several next hops is taken out of its
 * record, which is announced as replaced; without memory, or room in the
 * limits, the record goes as a whole.
 * A device that goes down, or loses its carrier or its addresses, changes
 * nothing.
 *
 * An expired record is deleted and announced (NLD_CAUSE_EXPIRED) within about
 * a second of its time. Time asleep does not count.
 *
 *
 * Generations
 * -----------
 *
 * Each namespace counts its changes: every record created, replaced or
 * deleted, for whatever cause, adds exactly one. Each is announced to
 * NLD_GROUP_ROUTE in that order, with the count in NLD_A_GENERATION. A reader
 * that sees the numbers follow each other has missed nothing; a gap (or
 * ENOBUFS from its socket) says what to do: dump again. A replace that would
 * change nothing is acknowledged, but neither counted nor announced; one that
 * sets or ends an expiry is a change.
 *
 * To follow the table: bind the socket (one without a port number hears
 * nothing), join the group, dump, and drop those announcements whose
 * generation is not above the dump's NLD_A_AS_OF. (An empty dump has none.
 * Apply them all then; they end in what is there.)
 *
 *
 * Messages
 * --------
 *
 * NLD_MSG_GREET (anybody)
 *	Takes NLD_GREET_TEXT. Answers NLD_MSG_GREET with NLD_GREET_TEXT, a
 *	greeting, to the sender alone. The header is all zeros.
 *
 * NLD_MSG_GET_INFO (anybody)
 *	Takes nothing. Answers NLD_MSG_GET_INFO with all of NLD_INFO_*.
 *
 * NLD_MSG_STATS (anybody)
 *	Takes nothing. Answers NLD_MSG_STATS with all of NLD_STATS_*: the
 *	namespace's counters; those of records are all of one moment.
 *
 * NLD_MSG_ROUTE_NEW (CAP_NET_ADMIN)
 *	NLM_F_CREATE			create; EEXIST if the key is taken
 *	NLM_F_CREATE | NLM_F_EXCL	the same
 *	NLM_F_CREATE | NLM_F_REPLACE	create, or replace what is there
 *	NLM_F_REPLACE			replace; ENOENT if there is none
 *	Any other combination: EINVAL; NLM_F_APPEND: EOPNOTSUPP.
 *	NLM_F_ECHO sends the announcement to the sender too, whether it is in
 *	the group or not, before the ack. A replace that changes nothing has
 *	none: its echo is the record as it is, without NLD_A_CAUSE.
 *
 * NLD_MSG_ROUTE_DEL (CAP_NET_ADMIN)
 *	Deletes the record with this key, NLD_A_METRIC included: absent is 0,
 *	as in NLD_MSG_ROUTE_NEW, and never "any". NLD_A_PROTOCOL, NLD_A_TYPE,
 *	NLD_A_OIF, NLD_A_GATEWAY, NLD_A_OWNER and NLD_A_GENERATION are
 *	conditions: if one does not hold, nothing is deleted. NLM_F_ECHO as
 *	above.
 *
 * NLD_MSG_ROUTE_GET (anybody)
 *	Without NLM_F_DUMP: the record of exactly this prefix, answered as
 *	NLD_MSG_ROUTE_NEW. Without NLD_A_METRIC the lowest metric is taken.
 *	With NLD_F_LOOKUP in the header: of the prefixes that cover the given
 *	one the longest, and there the lowest metric. NLD_A_TABLE absent is
 *	NLD_TABLE_MAIN in both.
 *
 *	With NLM_F_DUMP: every record that matches all that is given, each as
 *	NLD_MSG_ROUTE_NEW with NLM_F_MULTI, then NLMSG_DONE. The order is
 *	IPv4 before IPv6, then table, then prefix (a prefix before those it
 *	covers), then metric. Filters: family (0: both), NLD_A_TABLE (absent:
 *	all), NLD_A_DST with dst_len (the prefix and those it covers),
 *	NLD_A_PROTOCOL, NLD_A_TYPE, NLD_A_METRIC, NLD_A_OIF (any next hop) and
 *	NLD_A_OWNER. Messages of a filtered dump carry NLM_F_DUMP_FILTERED. If
 *	the namespace's tables changed between the first and the last record,
 *	NLM_F_DUMP_INTR is set from there on, NLMSG_DONE included: what was
 *	read is not one moment's state; dump again. A dump that nothing
 *	interrupted is the state at the generation in NLD_A_AS_OF. A dump goes
 *	on by key, so records that come and go meanwhile never make it skip or
 *	repeat others.
 *
 * NLD_MSG_FLUSH (CAP_NET_ADMIN)
 *	Deletes and announces, one by one, every record that matches (filters
 *	as in a dump; none at all: everything) and was there, as it is, when
 *	the flush began. Other writers get their turn meanwhile. NLM_F_ECHO as
 *	above.
 *
 *
 * Errors
 * ------
 *
 * EPERM	write without CAP_NET_ADMIN
 * EINVAL	malformed (a number or address of the wrong length too),
 *		contradictory
 * ERANGE	a number, or the length of NLD_A_OWNER, out of its range
 * EOPNOTSUPP	a message type or message flag that is not known (there)
 * EAFNOSUPPORT	family neither AF_INET nor AF_INET6
 * EEXIST	NLM_F_CREATE without NLM_F_REPLACE, and the key is taken
 * ENOENT	NLM_F_REPLACE without NLM_F_CREATE, and there is no such record
 * ESRCH	delete or get: no such record, or a condition does not hold
 * ENETUNREACH	lookup: no prefix covers this one
 * ENODEV	no device with this index in this namespace
 * ESTALE	the record is not of the generation given in NLD_A_GENERATION
 * ENOSPC	a limit is reached: NLD_MAX_METRICS; or one of the module
 *		parameters max_routes, max_bytes (the whole host), and
 *		max_routes_netns, max_bytes_netns, max_routes_user and
 *		max_bytes_user (a namespace). The last two are for namespaces
 *		that belong to another user namespace than the first; all of
 *		these together get no more than a quarter of the host's.
 * ENOMEM	no memory; nothing was changed
 * ENOBUFS	the change was made, but its echo could not be sent; or no room
 *		for a dump's first part, and it goes on when the socket is read
 * EAGAIN	the answer did not fit into this socket's queue
 * EBUSY	this socket already has a dump under way
 * ECANCELED	a flush was stopped by a fatal signal; what is gone is gone
 * EINTR	a dump was stopped by one; in its NLMSG_DONE
 */
#ifndef _UAPI_NLD_H
#define _UAPI_NLD_H

#include <linux/types.h>

/* Default netlink protocol number: the last slot (MAX_LINKS is 32). */
#define NETLINK_NLD		31

/* NLD_INFO_MAGIC: "nldk", so that another protocol on this slot is seen. */
#define NLD_MAGIC		0x6e6c646b
/* NLD_INFO_ABI: raised only when an old program would misread a new module. */
#define NLD_ABI_VERSION		1

/* What NLD_MSG_GREET and the legacy greeting answer. */
#define NLD_GREETING		"Hello from kernel unicast"

#define NLD_TABLE_MAIN		254	/* an absent NLD_A_TABLE; RT_TABLE_MAIN */
#define NLD_MAX_OWNER		64	/* bytes in NLD_A_OWNER */
#define NLD_MAX_NEXTHOPS	64	/* entries in NLD_A_NEXTHOPS */
#define NLD_MAX_WEIGHT		256	/* NLD_NH_WEIGHT, as in the kernel's FIB */
#define NLD_MAX_METRICS		256	/* records at one prefix */
#define NLD_MAX_GREETING	255	/* bytes in NLD_GREET_TEXT before the NUL */
#define NLD_MAX_EXPIRES		4294967	/* seconds: 2^32 milliseconds, 49 days */

/* Multicast groups, for NETLINK_ADD_MEMBERSHIP. */
enum nld_group {
	NLD_GROUP_NONE,		/* unused */
	NLD_GROUP_ROUTE,	/* NLD_MSG_ROUTE_NEW and NLD_MSG_ROUTE_DEL */
	__NLD_GROUP_MAX
};

#define NLD_GROUP_MAX (__NLD_GROUP_MAX - 1)

enum nld_msg {
	NLD_MSG_GREET = 16,	/* NLMSG_MIN_TYPE */
	NLD_MSG_GET_INFO,
	NLD_MSG_ROUTE_NEW,
	NLD_MSG_ROUTE_DEL,
	NLD_MSG_ROUTE_GET,
	NLD_MSG_FLUSH,
	NLD_MSG_STATS,
	__NLD_MSG_MAX
};

#define NLD_MSG_MAX (__NLD_MSG_MAX - 1)

/**
 * struct nldmsg - follows struct nlmsghdr in every message
 * @family: AF_INET or AF_INET6. 0 in a dump or flush: both. 0 in messages
 *	that are not about routes.
 * @dst_len: bits of NLD_A_DST that count, 0 to 32 or 128. 0 and no NLD_A_DST:
 *	the default route (new, delete, get), or no filter (dump, flush).
 * @flags: NLD_F_*; 0 in every message from the module.
 * @reserved: 0.
 */
struct nldmsg {
	__u8 family;
	__u8 dst_len;
	__u8 flags;
	__u8 reserved;
};

/* struct nldmsg, flags */
#define NLD_F_LOOKUP	0x01	/* NLD_MSG_ROUTE_GET: the longest prefix */

/* NLD_A_TYPE: what becomes of a packet. The values are those of RTN_*. */
enum nld_route_type {
	NLD_TYPE_UNICAST = 1,		/* needs a gateway or device */
	NLD_TYPE_BLACKHOLE = 6,		/* dropped silently */
	NLD_TYPE_UNREACHABLE = 7,	/* dropped, host unreachable */
	NLD_TYPE_PROHIBIT = 8,		/* dropped, administratively prohibited */
};

/* NLD_A_CAUSE: why a record changed. */
enum nld_cause {
	NLD_CAUSE_REQUEST,	/* NLD_MSG_ROUTE_NEW or NLD_MSG_ROUTE_DEL */
	NLD_CAUSE_FLUSH,	/* NLD_MSG_FLUSH */
	NLD_CAUSE_EXPIRED,	/* its time was over; sequence and port id are 0 */
	NLD_CAUSE_DEVICE,	/* its device went; sequence and port id are 0 */
};

/*
 * Attributes of a route. "in" is in requests, "out" in answers and
 * announcements. An attribute whose value is its default is left out of
 * answers, except where "always out" is said.
 */
enum nld_route_attr {
	NLD_A_UNSPEC,

	/* Padding before 64-bit attributes where the machine needs it. out. */
	NLD_A_PAD,

	/*
	 * 4 or 16 bytes, by family: the prefix. Bits behind dst_len must be 0.
	 * in, out. Absent: all zeros, and dst_len must be 0 then.
	 */
	NLD_A_DST,

	/*
	 * 4 or 16 bytes, of the same family as the record or the other: the
	 * next hop. Neither all zeros nor multicast; link-local IPv6 needs
	 * NLD_A_OIF. in (unicast only), out. Absent: directly connected.
	 */
	NLD_A_GATEWAY,

	/*
	 * u32, 1 to INT_MAX: index of the device. in (unicast only), out.
	 * Absent: wherever the gateway is.
	 */
	NLD_A_OIF,

	/* u32: the lower wins. in, always out. Absent: 0, the best. */
	NLD_A_METRIC,

	/*
	 * u32, 1 and up. in, always out. Absent: NLD_TABLE_MAIN, but every
	 * table in a dump or flush.
	 */
	NLD_A_TABLE,

	/* u8: who made it, RTPROT_*. in, always out. Absent: 0, unspecified. */
	NLD_A_PROTOCOL,

	/* u8, enum nld_route_type. in, always out. Absent: unicast. */
	NLD_A_TYPE,

	/*
	 * 4 or 16 bytes, by family: preferred source address. Not all zeros.
	 * Whether it is an address of this host is not looked at. in, out.
	 * Absent: none.
	 */
	NLD_A_PREFSRC,

	/*
	 * Nest of 1 to NLD_MAX_NEXTHOPS NLD_NH_ENTRY, instead of NLD_A_GATEWAY
	 * and NLD_A_OIF. in (unicast only), out. The order is kept. A list of
	 * one is the same as NLD_A_GATEWAY and NLD_A_OIF, and comes out so; its
	 * weight is lost.
	 */
	NLD_A_NEXTHOPS,

	/*
	 * u32, seconds. in: from now, 0 to NLD_MAX_EXPIRES. out: what is left,
	 * rounded up. Absent or 0: never.
	 */
	NLD_A_EXPIRES,

	/* 1 to NLD_MAX_OWNER bytes, never looked into. in, out. Absent: none. */
	NLD_A_OWNER,

	/*
	 * u64. Always out: the generation that made the record what it is; in
	 * the announcement of a delete, the generation of that delete. in (with
	 * NLM_F_REPLACE, and in a delete): the record must be there and be of
	 * this generation, else ESTALE. Absent or 0: no condition.
	 */
	NLD_A_GENERATION,

	/* u8, enum nld_cause. out, in announcements only. */
	NLD_A_CAUSE,

	/*
	 * u64. out, in the first record of each part of a dump: the namespace's
	 * generation when this part was read.
	 */
	NLD_A_AS_OF,

	__NLD_A_MAX
};

#define NLD_A_MAX (__NLD_A_MAX - 1)

/* Inside NLD_A_NEXTHOPS. */
enum nld_nexthops_attr {
	NLD_NH_UNSPEC,

	/* Nest of enum nld_nexthop_attr, repeated: one next hop. */
	NLD_NH_ENTRY,

	__NLD_NEXTHOPS_MAX
};

#define NLD_NEXTHOPS_MAX (__NLD_NEXTHOPS_MAX - 1)

/* Inside NLD_NH_ENTRY. A gateway or a device is needed. */
enum nld_nexthop_attr {
	NLD_NH_ATTR_UNSPEC,

	/* As NLD_A_GATEWAY. */
	NLD_NH_GATEWAY,

	/* As NLD_A_OIF. */
	NLD_NH_OIF,

	/* u16, 1 to NLD_MAX_WEIGHT: share of the flows. Always out. Absent: 1. */
	NLD_NH_WEIGHT,

	__NLD_NH_MAX
};

#define NLD_NH_MAX (__NLD_NH_MAX - 1)

/* NLD_MSG_GREET */
enum nld_greet_attr {
	NLD_GREET_UNSPEC,

	/* NUL-terminated string, at most NLD_MAX_GREETING bytes. in, out. */
	NLD_GREET_TEXT,

	__NLD_GREET_MAX
};

#define NLD_GREET_MAX (__NLD_GREET_MAX - 1)

/* NLD_INFO_FEATURES */
#define NLD_FEATURE_NEXTHOPS	0x01	/* NLD_A_NEXTHOPS */
#define NLD_FEATURE_VIA		0x02	/* gateway of the other family */
#define NLD_FEATURE_EXPIRES	0x04	/* NLD_A_EXPIRES is enforced */
#define NLD_FEATURE_OWNER	0x08	/* NLD_A_OWNER */
#define NLD_FEATURE_GENERATION	0x10	/* NLD_A_GENERATION as condition */
#define NLD_FEATURE_LOOKUP	0x20	/* NLD_F_LOOKUP */

/* NLD_MSG_GET_INFO, all out. */
enum nld_info_attr {
	NLD_INFO_UNSPEC,
	NLD_INFO_MAGIC,			/* u32: NLD_MAGIC */
	NLD_INFO_ABI,			/* u32: NLD_ABI_VERSION */
	NLD_INFO_FEATURES,		/* u32: NLD_FEATURE_* */
	NLD_INFO_VERSION,		/* string: the module's version */
	NLD_INFO_MAX_ROUTES,		/* u32: on the whole host; 0: no limit */
	NLD_INFO_MAX_ROUTES_NETNS,	/* u32: in this namespace; 0: no limit */
	NLD_INFO_MAX_NEXTHOPS,		/* u32: NLD_MAX_NEXTHOPS */
	NLD_INFO_MAX_OWNER,		/* u32: NLD_MAX_OWNER */
	NLD_INFO_MAX_EXPIRES,		/* u32: NLD_MAX_EXPIRES */
	NLD_INFO_MAX_METRICS,		/* u32: NLD_MAX_METRICS */
	NLD_INFO_PAD,
	NLD_INFO_MAX_BYTES,		/* u64: on the whole host; 0: no limit */
	NLD_INFO_MAX_BYTES_NETNS,	/* u64: in this namespace; 0: no limit */

	__NLD_INFO_MAX
};

#define NLD_INFO_MAX (__NLD_INFO_MAX - 1)

/* NLD_MSG_STATS, all out, all u64, since the namespace (or module) began. */
enum nld_stats_attr {
	NLD_STATS_UNSPEC,
	NLD_STATS_PAD,
	NLD_STATS_GENERATION,		/* the last change's; at first 1 */
	NLD_STATS_ROUTES4,		/* IPv4 records there are */
	NLD_STATS_ROUTES6,		/* IPv6 records there are */
	NLD_STATS_NODES,		/* nodes of both tries */
	NLD_STATS_BYTES,		/* of memory, as it is allocated */
	NLD_STATS_CREATED,		/* records created */
	NLD_STATS_REPLACED,		/* records replaced, next hops lost too */
	NLD_STATS_DELETED,		/* records deleted, for whatever cause */
	NLD_STATS_EXPIRED,		/* of these, because their time was over */
	NLD_STATS_DEVICE,		/* of these, because their device went */
	NLD_STATS_UNANNOUNCED,		/* announcements lost for want of memory */

	NLD_STATS_LINKS,		/* devices of kind nld there are */
	/*
	 * Packets that were routed to these, and to those that are gone; as
	 * ethtool -S tells for each. Counted by each processor, so not of the
	 * same moment.
	 */
	NLD_STATS_SENT,			/* sent on by a next hop */
	NLD_STATS_SENT_BYTES,		/* bytes of those */
	NLD_STATS_BLACKHOLE,		/* dropped, the record says so */
	NLD_STATS_UNREACHABLE,		/* refused, the record says so */
	NLD_STATS_PROHIBIT,		/* refused, the record says so */
	NLD_STATS_NO_ROUTE,		/* refused: no record has a way */
	NLD_STATS_LOOP,			/* dropped: the way leads back here */
	NLD_STATS_NOT_UNICAST,		/* dropped: multicast, broadcast */
	NLD_STATS_MALFORMED,		/* dropped: neither IPv4 nor IPv6 */
	NLD_STATS_NO_MEMORY,		/* dropped */

	__NLD_STATS_MAX
};

#define NLD_STATS_MAX (__NLD_STATS_MAX - 1)

#endif /* _UAPI_NLD_H */
