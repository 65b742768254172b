// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a message may be
 *
 * Everything that uapi/nld.h says of a message's form is enforced here and in
 * record.c, and nothing of what is in the tables is known here. The policies
 * say what one attribute may be; the parse functions say which attributes a
 * message may have, and how they must agree with each other and with the
 * header. Every refusal says why, and points at the attribute if there is one.
 *
 * Checks are strict without asking for it: the protocol is new, so there is
 * no program whose carelessness must be honoured.
 */
#include <linux/in.h>
#include <net/ipv6.h>
#include <net/netlink.h>

#include "message.h"

static int check_address(const struct nlattr *attr,
			 struct netlink_ext_ack *extack)
{
	if (nla_len(attr) == NLD_V4_LEN || nla_len(attr) == NLD_V6_LEN)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "address must be 4 or 16 bytes");
	return -EINVAL;
}

static int check_gateway(const struct nlattr *attr,
			 struct netlink_ext_ack *extack)
{
	int err = check_address(attr, extack);
	struct in6_addr addr6;
	__be32 addr4;

	if (err)
		return err;
	if (nla_len(attr) == NLD_V4_LEN) {
		addr4 = nla_get_in_addr(attr);
		if (addr4 && !ipv4_is_multicast(addr4) && !ipv4_is_lbcast(addr4))
			return 0;
	} else {
		addr6 = nla_get_in6_addr(attr);
		if (!ipv6_addr_any(&addr6) && !ipv6_addr_is_multicast(&addr6))
			return 0;
	}
	NL_SET_ERR_MSG_ATTR(extack, attr, "gateway must be a unicast address");
	return -EINVAL;
}

/* Not const, because a policy of Linux 6.1 does not point at const. */
static struct netlink_range_validation oif_range = {
	.min = 1,
	.max = INT_MAX,
};

static struct netlink_range_validation expires_range = {
	.max = NLD_MAX_EXPIRES,
};

const struct nla_policy nld_nexthop_policy[NLD_NH_MAX + 1] = {
	[NLD_NH_GATEWAY] = NLA_POLICY_VALIDATE_FN(NLA_BINARY, check_gateway),
	[NLD_NH_OIF] = NLA_POLICY_FULL_RANGE(NLA_U32, &oif_range),
	[NLD_NH_WEIGHT] = NLA_POLICY_RANGE(NLA_U16, 1, NLD_MAX_WEIGHT),
};

static const struct nla_policy nexthops_policy[NLD_NEXTHOPS_MAX + 1] = {
	[NLD_NH_ENTRY] = NLA_POLICY_NESTED(nld_nexthop_policy),
};

static const struct nla_policy route_policy[NLD_A_MAX + 1] = {
	[NLD_A_DST] = NLA_POLICY_VALIDATE_FN(NLA_BINARY, check_address),
	[NLD_A_GATEWAY] = NLA_POLICY_VALIDATE_FN(NLA_BINARY, check_gateway),
	[NLD_A_OIF] = NLA_POLICY_FULL_RANGE(NLA_U32, &oif_range),
	[NLD_A_METRIC] = { .type = NLA_U32 },
	[NLD_A_TABLE] = NLA_POLICY_MIN(NLA_U32, 1),
	[NLD_A_PROTOCOL] = { .type = NLA_U8 },
	/* A function here, on a number, would make the kernel warn when it
	 * tells a sender this policy; so it is in check_type().
	 */
	[NLD_A_TYPE] = NLA_POLICY_RANGE(NLA_U8, NLD_TYPE_UNICAST,
					NLD_TYPE_PROHIBIT),
	[NLD_A_PREFSRC] = NLA_POLICY_VALIDATE_FN(NLA_BINARY, check_address),
	[NLD_A_NEXTHOPS] = NLA_POLICY_NESTED(nexthops_policy),
	[NLD_A_EXPIRES] = NLA_POLICY_FULL_RANGE(NLA_U32, &expires_range),
	[NLD_A_OWNER] = NLA_POLICY_RANGE(NLA_BINARY, 1, NLD_MAX_OWNER),
	[NLD_A_GENERATION] = { .type = NLA_U64 },
};

static const struct nla_policy greet_policy[NLD_GREET_MAX + 1] = {
	[NLD_GREET_TEXT] = { .type = NLA_NUL_STRING, .len = NLD_MAX_GREETING },
};

/* Which attributes each message knows. */
#define KEY_ATTRS	(BIT(NLD_A_DST) | BIT(NLD_A_TABLE) | BIT(NLD_A_METRIC))
#define NEW_ATTRS	(KEY_ATTRS | BIT(NLD_A_GATEWAY) | BIT(NLD_A_OIF) | \
			 BIT(NLD_A_PROTOCOL) | BIT(NLD_A_TYPE) | \
			 BIT(NLD_A_PREFSRC) | BIT(NLD_A_NEXTHOPS) | \
			 BIT(NLD_A_EXPIRES) | BIT(NLD_A_OWNER) | \
			 BIT(NLD_A_GENERATION))
#define DELETE_ATTRS	(KEY_ATTRS | BIT(NLD_A_GATEWAY) | BIT(NLD_A_OIF) | \
			 BIT(NLD_A_PROTOCOL) | BIT(NLD_A_TYPE) | \
			 BIT(NLD_A_OWNER) | BIT(NLD_A_GENERATION))
#define FILTER_ATTRS	(KEY_ATTRS | BIT(NLD_A_OIF) | BIT(NLD_A_PROTOCOL) | \
			 BIT(NLD_A_TYPE) | BIT(NLD_A_OWNER))

static int check_flags(const struct nlmsghdr *nlh, u16 known,
		       struct netlink_ext_ack *extack)
{
	known |= NLM_F_REQUEST | NLM_F_ACK;
	if (!(nlh->nlmsg_flags & ~known))
		return 0;
	NL_SET_ERR_MSG(extack, "message flag is not supported here");
	return -EOPNOTSUPP;
}

static int check_type(const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	if (!attr)
		return 0;
	switch (nla_get_u8(attr)) {
	case NLD_TYPE_UNICAST:
	case NLD_TYPE_BLACKHOLE:
	case NLD_TYPE_UNREACHABLE:
	case NLD_TYPE_PROHIBIT:
		return 0;
	}
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "type must be unicast, blackhole, unreachable or prohibit");
	return -EINVAL;
}

/* Messages that are not about routes have a header of zeros. */
static int check_empty_header(const struct nlmsghdr *nlh,
			      struct netlink_ext_ack *extack)
{
	const struct nldmsg *hdr = nlmsg_data(nlh);

	if (!hdr->family && !hdr->dst_len && !hdr->flags && !hdr->reserved)
		return 0;
	NL_SET_ERR_MSG(extack, "header must be all zeros in this message");
	return -EINVAL;
}

/* NLD_MSG_GET_INFO and NLD_MSG_STATS */
int nld_parse_empty(const struct nlmsghdr *nlh, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[1];
	int err;

	err = check_flags(nlh, 0, extack);
	if (err)
		return err;
	/* With no attribute known, each is refused. */
	err = nlmsg_parse(nlh, sizeof(struct nldmsg), tb, 0, greet_policy,
			  extack);
	return err ? err : check_empty_header(nlh, extack);
}

/* NLD_MSG_GREET */
int nld_parse_greet(const struct nlmsghdr *nlh, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[NLD_GREET_MAX + 1];
	int err;

	err = check_flags(nlh, 0, extack);
	if (err)
		return err;
	err = nlmsg_parse(nlh, sizeof(struct nldmsg), tb, NLD_GREET_MAX,
			  greet_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, NULL, tb, NLD_GREET_TEXT)) {
		NL_SET_ERR_MSG(extack, "a greeting needs a text");
		return -EINVAL;
	}
	return check_empty_header(nlh, extack);
}

/* Of all messages about routes: attributes, and what the header may say. */
static int parse_route(struct nld_request *req, u32 attrs, u8 flags)
{
	const struct nldmsg *hdr;
	unsigned int i;
	int err;

	err = nlmsg_parse(req->nlh, sizeof(*hdr), req->tb, NLD_A_MAX,
			  route_policy, req->extack);
	if (err)
		return err;
	for (i = 1; i <= NLD_A_MAX; i++) {
		if (!req->tb[i] || (attrs & BIT(i)))
			continue;
		NL_SET_ERR_MSG_ATTR(req->extack, req->tb[i],
				    "attribute has no meaning in this message");
		return -EINVAL;
	}

	hdr = nlmsg_data(req->nlh);
	if (hdr->reserved || (hdr->flags & ~flags)) {
		NL_SET_ERR_MSG(req->extack,
			       "header has a flag or reserved byte that is not known here");
		return -EINVAL;
	}
	req->flags = hdr->flags;
	return check_type(req->tb[NLD_A_TYPE], req->extack);
}

/* Family, table, address and length to a key. */
static int parse_key(struct nld_request *req)
{
	const struct nldmsg *hdr = nlmsg_data(req->nlh);
	const struct nlattr *dst = req->tb[NLD_A_DST];
	struct nld_key *key = &req->key;
	unsigned int len, max, i;

	switch (hdr->family) {
	case AF_INET:
		req->af = NLD_AF_INET;
		len = NLD_V4_LEN;
		break;
	case AF_INET6:
		req->af = NLD_AF_INET6;
		len = NLD_V6_LEN;
		break;
	default:
		NL_SET_ERR_MSG(req->extack, "family must be IPv4 or IPv6");
		return -EAFNOSUPPORT;
	}
	max = len * BITS_PER_BYTE;
	if (hdr->dst_len > max) {
		NL_SET_ERR_MSG(req->extack,
			       "prefix length is over the family's 32 or 128");
		return -EINVAL;
	}

	memset(key, 0, sizeof(*key));
	key->bits = hdr->dst_len;
	key->table = NLD_TABLE_MAIN;
	if (req->tb[NLD_A_TABLE])
		key->table = nla_get_u32(req->tb[NLD_A_TABLE]);
	if (!dst) {
		if (!hdr->dst_len)
			return 0;
		NL_SET_ERR_ATTR_MISS(req->extack, NULL, NLD_A_DST);
		NL_SET_ERR_MSG(req->extack,
			       "a prefix length over 0 needs a destination");
		return -EINVAL;
	}
	if (nla_len(dst) != len) {
		NL_SET_ERR_MSG_ATTR(req->extack, dst,
				    "destination is not of the header's family");
		return -EINVAL;
	}
	memcpy(key->word, nla_data(dst), len);
	for (i = hdr->dst_len; i < max; i++) {
		if (be32_to_cpu(key->word[i / 32]) & (1U << (31 - i % 32))) {
			NL_SET_ERR_MSG_ATTR(req->extack, dst,
					    "destination has bits set behind its prefix length");
			return -EINVAL;
		}
	}
	return 0;
}

static void parse_numbers(struct nld_request *req)
{
	if (req->tb[NLD_A_METRIC])
		req->metric = nla_get_u32(req->tb[NLD_A_METRIC]);
	if (req->tb[NLD_A_GENERATION])
		req->generation = nla_get_u64(req->tb[NLD_A_GENERATION]);
}

static int check_new_flags(const struct nlmsghdr *nlh,
			   struct netlink_ext_ack *extack)
{
	int err = check_flags(nlh, NLM_F_CREATE | NLM_F_EXCL | NLM_F_REPLACE |
			      NLM_F_ECHO, extack);

	if (err)
		return err;
	switch (nlh->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL | NLM_F_REPLACE)) {
	case NLM_F_CREATE:
	case NLM_F_CREATE | NLM_F_EXCL:
	case NLM_F_CREATE | NLM_F_REPLACE:
	case NLM_F_REPLACE:
		return 0;
	}
	NL_SET_ERR_MSG(extack,
		       "flags must be CREATE, CREATE with EXCL or REPLACE, or REPLACE");
	return -EINVAL;
}

int nld_parse_new(struct nld_request *req)
{
	int err;

	err = check_new_flags(req->nlh, req->extack);
	if (err)
		return err;
	err = parse_route(req, NEW_ATTRS, 0);
	if (err)
		return err;
	parse_numbers(req);
	if (req->generation && !(req->nlh->nlmsg_flags & NLM_F_REPLACE)) {
		NL_SET_ERR_MSG_ATTR(req->extack, req->tb[NLD_A_GENERATION],
				    "a generation needs the flag REPLACE");
		return -EINVAL;
	}
	return parse_key(req);
}

int nld_parse_delete(struct nld_request *req)
{
	int err;

	err = check_flags(req->nlh, NLM_F_ECHO, req->extack);
	if (err)
		return err;
	err = parse_route(req, DELETE_ATTRS, 0);
	if (err)
		return err;
	parse_numbers(req);
	return parse_key(req);
}

int nld_parse_get(struct nld_request *req)
{
	int err;

	err = check_flags(req->nlh, 0, req->extack);
	if (err)
		return err;
	err = parse_route(req, KEY_ATTRS, NLD_F_LOOKUP);
	if (err)
		return err;
	if ((req->flags & NLD_F_LOOKUP) && req->tb[NLD_A_METRIC]) {
		NL_SET_ERR_MSG_ATTR(req->extack, req->tb[NLD_A_METRIC],
				    "a lookup takes the lowest metric");
		return -EINVAL;
	}
	parse_numbers(req);
	return parse_key(req);
}

/* A dump's flags are NLM_F_DUMP, a flush's NLM_F_ECHO; both share bits. */
int nld_parse_filter(struct nld_request *req, struct nld_filter *filter)
{
	bool dump = req->nlh->nlmsg_type == NLD_MSG_ROUTE_GET;
	const struct nldmsg *hdr;
	struct nlattr **tb = req->tb;
	unsigned int i;
	int err;

	err = check_flags(req->nlh, dump ? NLM_F_DUMP : NLM_F_ECHO, req->extack);
	if (err)
		return err;
	err = parse_route(req, FILTER_ATTRS, 0);
	if (err)
		return err;

	memset(filter, 0, sizeof(*filter));
	for (i = 1; i <= NLD_A_MAX; i++)
		if (tb[i])
			filter->given |= BIT(i);

	hdr = nlmsg_data(req->nlh);
	if (!hdr->family && (hdr->dst_len || tb[NLD_A_DST])) {
		NL_SET_ERR_MSG(req->extack, "a destination needs a family");
		return -EINVAL;
	}
	if (hdr->family) {
		err = parse_key(req);
		if (err)
			return err;
		filter->families = BIT(req->af);
		filter->prefix = req->key;
	} else {
		filter->families = BIT(NLD_AF_INET) | BIT(NLD_AF_INET6);
		if (tb[NLD_A_TABLE])
			filter->prefix.table = nla_get_u32(tb[NLD_A_TABLE]);
	}

	if (tb[NLD_A_METRIC])
		filter->metric = nla_get_u32(tb[NLD_A_METRIC]);
	if (tb[NLD_A_OIF])
		filter->oif = nla_get_u32(tb[NLD_A_OIF]);
	if (tb[NLD_A_PROTOCOL])
		filter->protocol = nla_get_u8(tb[NLD_A_PROTOCOL]);
	if (tb[NLD_A_TYPE])
		filter->type = nla_get_u8(tb[NLD_A_TYPE]);
	if (tb[NLD_A_OWNER]) {
		filter->owner_len = nla_len(tb[NLD_A_OWNER]);
		memcpy(filter->owner, nla_data(tb[NLD_A_OWNER]),
		       filter->owner_len);
	}
	return 0;
}
