/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The device by which packets reach nld's tables: rtnetlink(7), RTM_NEWLINK
 * with the kind "nld" in IFLA_INFO_KIND.
 *
 * What is routed to it is looked up in a table of its namespace, and sent on,
 * dropped or answered as the record says. It cannot move to another namespace.
 */
#ifndef _UAPI_NLD_LINK_H
#define _UAPI_NLD_LINK_H

/* IFLA_INFO_DATA */
enum nld_link_attr {
	IFLA_NLD_UNSPEC,

	/*
	 * u32, 1 and up: the table. May be changed at any time. in, always out.
	 * Absent: 254, the main one.
	 */
	IFLA_NLD_TABLE,

	__IFLA_NLD_MAX
};

#define IFLA_NLD_MAX (__IFLA_NLD_MAX - 1)

#endif /* _UAPI_NLD_LINK_H */
