/* A lock in a map's value: the kernel finds it by the value's type, so the map must come with BTF. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct account {
	__u32 number;
	struct bpf_spin_lock lock;
	__u64 balance;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct account);
} accounts SEC(".maps");

SEC("tc")
int deposit(struct __sk_buff *skb)
{
	__u32 key = 1;
	struct account *account = bpf_map_lookup_elem(&accounts, &key);

	if (!account)
		return 1;
	bpf_spin_lock(&account->lock);
	account->balance += skb->len;
	bpf_spin_unlock(&account->lock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
