/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Strings of bits, as prefixes and the nodes of a trie have them: most
 * significant bit first, in words of network order.
 */
#ifndef _NLD_BITS_H
#define _NLD_BITS_H

#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/types.h>

static inline unsigned int bit_at(const __be32 *word, unsigned int at)
{
	return (be32_to_cpu(word[at / 32]) >> (31 - at % 32)) & 1;
}

/* How many of the first @max bits are the same. */
static inline unsigned int common_bits(const __be32 *a, const __be32 *b,
				       unsigned int max)
{
	unsigned int i;

	for (i = 0; i * 32 < max; i++) {
		u32 diff = be32_to_cpu(a[i] ^ b[i]);

		if (diff)
			return min_t(unsigned int, max, i * 32 + 32 - fls(diff));
	}
	return max;
}

#endif /* _NLD_BITS_H */
