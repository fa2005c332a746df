// The verifier rejects this: a number is no pointer.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("socket")
int fine(struct __sk_buff *skb)
{
	return 0;
}

SEC("socket")
int rejected(struct __sk_buff *skb)
{
	return *(volatile int *)(long)skb->len;
}
