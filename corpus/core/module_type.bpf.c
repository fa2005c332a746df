/* A type that only a module has, unless veth is built in; modules have BTF since 5.11 (36e68442d1af). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct veth_priv {
	int requested_headroom;
} __attribute__((preserve_access_index));

__u32 exists, size, offset = -1;

SEC("socket")
int look(struct __sk_buff *skb)
{
	exists = bpf_core_type_exists(struct veth_priv);
	size = bpf_core_type_size(struct veth_priv);
	if (exists)
		offset = bpf_core_field_offset(struct veth_priv, requested_headroom);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
