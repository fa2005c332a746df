/* Counts what each socket sends, in storage that hangs on the socket. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sent {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sent);
} sent SEC(".maps");

SEC("cgroup_skb/egress")
int count(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct sent *found;

	sk = sk ? bpf_sk_fullsock(sk) : 0;
	found = sk ? bpf_sk_storage_get(&sent, sk, 0, BPF_SK_STORAGE_GET_F_CREATE) : 0;
	if (found) {
		found->packets++;
		found->bytes += skb->len;
	}
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
