/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What may come back from nld.ko: each function says what is wrong with a
 * message, or NULL.
 */
#ifndef NLD_TEST_ANSWERS_H
#define NLD_TEST_ANSWERS_H

#include "wire.h"

static inline const char *check_hops(const struct nlattr *list)
{
	const char *at = at_data(list);
	int left = at_len(list), hops = 0;

	for (; left >= NLA_HDRLEN; hops++) {
		const struct nlattr *entry = (const struct nlattr *)at, *tb[NLD_NH_MAX + 1];
		const char *wrong;

		if (entry->nla_len > left || at_type(entry) != NLD_NH_ENTRY)
			return "a next hop is not an entry";
		wrong = attributes(at_data(entry), at_len(entry), tb, NLD_NH_MAX);
		if (wrong)
			return wrong;
		if (!tb[NLD_NH_WEIGHT] || at_len(tb[NLD_NH_WEIGHT]) != 2)
			return "a next hop has no weight";
		if (!tb[NLD_NH_GATEWAY] && !tb[NLD_NH_OIF])
			return "a next hop has neither gateway nor device";
		left -= NLA_ALIGN(entry->nla_len);
		at += NLA_ALIGN(entry->nla_len);
	}
	return left || hops < 2 || hops > NLD_MAX_NEXTHOPS ? "a wrong number of next hops" : NULL;
}

static inline int has(const struct nlattr *at, int len)
{
	return at && at_len(at) == len;
}

static inline const char *check_route(const struct nlmsghdr *nlh)
{
	const struct nldmsg *hdr = NLMSG_DATA(nlh);
	const struct nlattr *tb[NLD_A_MAX + 1];
	const char *wrong = message_attributes(nlh, tb, NLD_A_MAX);
	int len = hdr->family == AF_INET ? 4 : 16;

	if (wrong)
		return wrong;
	if ((hdr->family != AF_INET && hdr->family != AF_INET6) || hdr->dst_len > len * 8 || hdr->flags ||
	    hdr->reserved)
		return "a route's header";
	if (!has(tb[NLD_A_METRIC], 4) || !has(tb[NLD_A_TABLE], 4) || !has(tb[NLD_A_PROTOCOL], 1) ||
	    !has(tb[NLD_A_TYPE], 1) || !has(tb[NLD_A_GENERATION], 8))
		return "a route lacks what is always out";
	if (hdr->dst_len ? !has(tb[NLD_A_DST], len) : !!tb[NLD_A_DST])
		return "a route's destination";
	if (!at_u32(tb[NLD_A_TABLE]) || !at_u64(tb[NLD_A_GENERATION]))
		return "a route's table or generation is 0";
	if (tb[NLD_A_PREFSRC] && !has(tb[NLD_A_PREFSRC], len))
		return "a route's preferred source";
	if (tb[NLD_A_OWNER] && (at_len(tb[NLD_A_OWNER]) < 1 || at_len(tb[NLD_A_OWNER]) > NLD_MAX_OWNER))
		return "a route's owner";
	if (tb[NLD_A_GATEWAY] && !has(tb[NLD_A_GATEWAY], 4) && !has(tb[NLD_A_GATEWAY], 16))
		return "a route's gateway";
	if (tb[NLD_A_NEXTHOPS]) {
		if (tb[NLD_A_GATEWAY] || tb[NLD_A_OIF])
			return "a route has next hops and a gateway";
		return check_hops(tb[NLD_A_NEXTHOPS]);
	}
	switch (*(const __u8 *)at_data(tb[NLD_A_TYPE])) {
	case NLD_TYPE_UNICAST:
		return tb[NLD_A_GATEWAY] || tb[NLD_A_OIF] ? NULL : "a unicast route leads nowhere";
	case NLD_TYPE_BLACKHOLE:
	case NLD_TYPE_UNREACHABLE:
	case NLD_TYPE_PROHIBIT:
		return tb[NLD_A_GATEWAY] || tb[NLD_A_OIF] ? "a blackhole leads somewhere" : NULL;
	}
	return "a route's type";
}

/* @pad: what may be there, for the alignment of others. */
static inline const char *check_all(const struct nlmsghdr *nlh, int first, int max, int pad, int len)
{
	const struct nlattr *tb[NLD_STATS_MAX + 1];
	const char *wrong = message_attributes(nlh, tb, max);
	int i;

	if (wrong)
		return wrong;
	for (i = first; i <= max; i++)
		if (i != pad && (!tb[i] || (len && at_len(tb[i]) != len)))
			return "information or a counter is missing";
	return NULL;
}

static inline const char *check_info(const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[NLD_INFO_MAX + 1];
	const char *wrong = check_all(nlh, NLD_INFO_MAGIC, NLD_INFO_MAX, NLD_INFO_PAD, 0);
	int i;

	if (wrong)
		return wrong;
	message_attributes(nlh, tb, NLD_INFO_MAX);
	for (i = NLD_INFO_MAGIC; i <= NLD_INFO_MAX; i++)
		if (i != NLD_INFO_VERSION && i != NLD_INFO_PAD &&
		    at_len(tb[i]) != (i == NLD_INFO_MAX_BYTES || i == NLD_INFO_MAX_BYTES_NETNS ? 8 : 4))
			return "a limit has a wrong length";
	return NULL;
}

static inline const char *check_error(const struct nlmsghdr *nlh, int extended)
{
	/* In a storm without injected failures there is always memory. */
	static const int known[] = {
		EPERM, EINVAL, ERANGE, EOPNOTSUPP, EAFNOSUPPORT, EEXIST, ENOENT, ESRCH, ENETUNREACH, ENODEV,
		ESTALE, ENOSPC, EBUSY,
	};
	const struct nlmsgerr *err = NLMSG_DATA(nlh);
	const struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	size_t start = NLMSG_HDRLEN + sizeof(*err);
	const char *wrong;
	unsigned int i;

	if (nlh->nlmsg_len < start)
		return "an error is short";
	if (!err->error)
		return NULL;
	for (i = 0; i < sizeof(known) / sizeof(*known) && -err->error != known[i]; i++)
		;
	/* A dump that finds the sender's queue full goes on when that is read. */
	if (err->error == -ENOBUFS && err->msg.nlmsg_type == NLD_MSG_ROUTE_GET)
		i = 0;
	if (i == sizeof(known) / sizeof(*known))
		return "an errno that the contract does not have";
	if (nlh->nlmsg_seq != err->msg.nlmsg_seq)
		return "an error quotes another message";
	if (!extended)
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return "an error without a word";
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		start += NLMSG_ALIGN(err->msg.nlmsg_len) - NLMSG_HDRLEN;
	wrong = attributes((const char *)nlh + start, nlh->nlmsg_len - start, tb, NLMSGERR_ATTR_MAX);
	if (wrong)
		return wrong;
	if (!tb[NLMSGERR_ATTR_MSG] || !at_len(tb[NLMSGERR_ATTR_MSG]) ||
	    ((const char *)at_data(tb[NLMSGERR_ATTR_MSG]))[at_len(tb[NLMSGERR_ATTR_MSG]) - 1])
		return "an error without a sentence";
	if (tb[NLMSGERR_ATTR_OFFS] && at_u32(tb[NLMSGERR_ATTR_OFFS]) >= err->msg.nlmsg_len)
		return "an error points behind the message";
	return NULL;
}

static inline const char *check_message(const struct nlmsghdr *nlh, int extended)
{
	switch (nlh->nlmsg_type) {
	case NLMSG_ERROR:
		return check_error(nlh, extended);
	case NLMSG_DONE:
		return nlh->nlmsg_len >= NLMSG_HDRLEN + 4 && !*(int *)NLMSG_DATA(nlh) ? NULL : "a dump failed";
	case NLD_MSG_ROUTE_NEW:
	case NLD_MSG_ROUTE_DEL:
		return check_route(nlh);
	case NLD_MSG_GREET:
		return check_all(nlh, NLD_GREET_TEXT, NLD_GREET_MAX, 0, sizeof(NLD_GREETING));
	case NLD_MSG_GET_INFO:
		return check_info(nlh);
	case NLD_MSG_STATS:
		return check_all(nlh, NLD_STATS_GENERATION, NLD_STATS_MAX, NLD_STATS_PAD, 8);
	}
	return "a message type that the module does not send";
}

#endif
