/* A large object: thirty maps, and two programs for each. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "add_one.h"

#define FAMILY(n)                                                                   \
	struct {                                                                    \
		__uint(type, BPF_MAP_TYPE_HASH);                                    \
		__uint(max_entries, 64);                                            \
		__type(key, __u32);                                                 \
		__type(value, __u64);                                               \
	} lengths_##n SEC(".maps");                                                 \
                                                                                    \
	SEC("tc")                                                                   \
	int count_##n(struct __sk_buff *skb)                                        \
	{                                                                           \
		__u32 length = skb->len + n;                                        \
		__u64 one = 1, *seen = bpf_map_lookup_elem(&lengths_##n, &length);  \
                                                                                    \
		if (seen)                                                           \
			add_one(seen);                                              \
		else                                                                \
			bpf_map_update_elem(&lengths_##n, &length, &one, BPF_ANY);  \
		return 0;                                                           \
	}                                                                           \
                                                                                    \
	SEC("socket")                                                               \
	int forget_##n(struct __sk_buff *skb)                                       \
	{                                                                           \
		__u32 length = skb->len + n;                                        \
                                                                                    \
		return bpf_map_delete_elem(&lengths_##n, &length) ? 0 : skb->len;   \
	}

#define TEN_FAMILIES(n)                                                             \
	FAMILY(n##0) FAMILY(n##1) FAMILY(n##2) FAMILY(n##3) FAMILY(n##4)            \
	FAMILY(n##5) FAMILY(n##6) FAMILY(n##7) FAMILY(n##8) FAMILY(n##9)

TEN_FAMILIES(1)
TEN_FAMILIES(2)
TEN_FAMILIES(3)

char LICENSE[] SEC("license") = "Apache-2.0";
