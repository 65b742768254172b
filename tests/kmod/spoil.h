/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is done to a valid message: bits, lengths, types and flags changed,
 * attributes cut, copied, moved, and taken from other messages.
 */
#ifndef NLD_TEST_SPOIL_H
#define NLD_TEST_SPOIL_H

#include "valid.h"

#define POOL	64

struct spoiler {
	struct random random;
	struct buffer out;
	/* Attributes seen, to be spliced into other messages. */
	struct { __u16 len; char data[256]; } pool[POOL];
};

/* A random attribute of the message, on its first level or inside a nest; or NULL. */
static inline struct nlattr *random_attribute(struct random *r, struct nlmsghdr *nlh, size_t len)
{
	char *at = (char *)nlh + HEAD_LEN, *end = (char *)nlh + len;
	struct nlattr *found = NULL;
	int seen = 0;

	while (at + NLA_HDRLEN <= end) {
		struct nlattr *a = (struct nlattr *)at;

		if (a->nla_len < NLA_HDRLEN || at + a->nla_len > end)
			break;
		if (!below(r, ++seen))
			found = a;
		at += a->nla_type & NLA_F_NESTED && below(r, 2) ? NLA_HDRLEN : NLA_ALIGN(a->nla_len);
	}
	return found;
}

static inline __u32 nasty(struct random *r)
{
	static const __u32 values[] = {
		0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 254, 255, 256,
		257, 0x7fff, 0x8000, 0xfffc, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff,
		NLD_MAX_EXPIRES, NLD_MAX_EXPIRES + 1,
	};

	return values[below(r, sizeof(values) / sizeof(*values))];
}

/* The message is the last one in the buffer. */
static inline void spoil(struct spoiler *s, struct nlmsghdr *nlh)
{
	struct random *r = &s->random;
	struct buffer *b = &s->out;
	size_t len = b->data + b->used - (char *)nlh;
	struct nlattr *at = random_attribute(r, nlh, len);
	int keep_len = 0, i;
	__u32 value = nasty(r);
	char *byte;

	switch (below(r, 16)) {
	case 0:		/* a bit anywhere */
		((char *)nlh)[below(r, len)] ^= 1 << below(r, 8);
		keep_len = 1;
		break;
	case 1:		/* bits behind the headers */
		if (len <= HEAD_LEN)
			break;
		for (i = 1 + below(r, 4); i; i--)
			((char *)nlh)[HEAD_LEN + below(r, len - HEAD_LEN)] ^= 1 << below(r, 8);
		break;
	case 2:		/* cut off */
		b->used = (char *)nlh - b->data + NLMSG_ALIGN(1 + below(r, len));
		if (b->used < (size_t)((char *)nlh - b->data) + NLMSG_HDRLEN)
			b->used = (char *)nlh - b->data + NLMSG_HDRLEN;
		break;
	case 3:		/* its length, while its bytes stay */
		nlh->nlmsg_len = below(r, 2) ? value : len + below(r, 64) - 32;
		keep_len = 1;
		break;
	case 4:
		nlh->nlmsg_flags = below(r, 2) ? rnd(r) : nlh->nlmsg_flags ^ 1 << below(r, 16);
		break;
	case 5:
		nlh->nlmsg_type = below(r, 2) ? value : 14 + below(r, 12);
		break;
	case 6:		/* a field of struct nldmsg */
		byte = (char *)nlh + NLMSG_HDRLEN + below(r, sizeof(struct nldmsg));
		*byte = below(r, 2) ? (int)value : *byte ^ 1 << below(r, 8);
		break;
	case 7:		/* an attribute's length */
		if (at)
			at->nla_len = below(r, 2) ? value : at->nla_len + below(r, 16) - 8;
		break;
	case 8:		/* an attribute's type */
		if (at)
			at->nla_type = below(r, 2) ? value : (at->nla_type & NLA_F_NESTED) | below(r, NLD_A_MAX + 3);
		break;
	case 9:		/* an attribute's value */
		if (at && at->nla_len >= NLA_HDRLEN + 4 && (char *)at + at->nla_len <= (char *)nlh + len)
			memcpy((char *)at + NLA_HDRLEN, &value, 4);
		else if (at && at->nla_len > NLA_HDRLEN && (char *)at + at->nla_len <= (char *)nlh + len)
			((char *)at)[NLA_HDRLEN] = value;
		break;
	case 10:	/* out with it */
		if (at && (char *)at + NLA_ALIGN(at->nla_len) <= (char *)nlh + len) {
			size_t gap = NLA_ALIGN(at->nla_len);

			memmove(at, (char *)at + gap, (char *)nlh + len - (char *)at - gap);
			b->used -= gap;
		}
		break;
	case 11:	/* once more, at the end */
		if (at && (char *)at + NLA_ALIGN(at->nla_len) <= (char *)nlh + len) {
			memcpy(b->data + b->used, at, NLA_ALIGN(at->nla_len));
			b->used += NLA_ALIGN(at->nla_len);
		}
		break;
	case 12:	/* another message's, at the end */
	case 13: {	/* or into the middle, so that a nest around it breaks or grows */
		int one = below(r, POOL), n = s->pool[one].len;
		char *where = at && below(r, 2) ? (char *)at : b->data + b->used;

		memmove(where + n, where, b->data + b->used - where);
		memcpy(where, s->pool[one].data, n);
		b->used += n;
		break;
	}
	case 14:	/* a nest in itself, many deep */
		for (i = 1 + below(r, 40); i; i--)
			put_u32(b, (NLD_A_NEXTHOPS | NLA_F_NESTED), rnd(r));
		break;
	case 15:	/* many small ones */
		for (i = 1 + below(r, 200); i; i--)
			put_u8(b, below(r, NLD_A_MAX + 2), value);
		break;
	}
	if (b->used < (size_t)((char *)nlh - b->data) + NLMSG_HDRLEN)
		b->used = (char *)nlh - b->data + NLMSG_HDRLEN;
	if (!keep_len)
		end(b, nlh);
}

static inline void remember(struct spoiler *s, struct nlmsghdr *nlh)
{
	struct nlattr *at = random_attribute(&s->random, nlh, nlh->nlmsg_len);
	int one = below(&s->random, POOL);

	if (!at || NLA_ALIGN(at->nla_len) > (int)sizeof(s->pool[one].data) ||
	    (char *)at + NLA_ALIGN(at->nla_len) > (char *)nlh + nlh->nlmsg_len)
		return;
	s->pool[one].len = NLA_ALIGN(at->nla_len);
	memcpy(s->pool[one].data, at, s->pool[one].len);
}

#endif
