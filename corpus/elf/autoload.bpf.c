/* `?` keeps a program that the verifier would refuse from being loaded with the rest. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int wanted(struct __sk_buff *skb)
{
	return 5;
}

SEC("socket")
int also_wanted(struct __sk_buff *skb)
{
	return 6;
}

SEC("?socket")
int refused_if_loaded(struct __sk_buff *skb)
{
	return *(volatile int *)((char *)skb + 4096);
}

char LICENSE[] SEC("license") = "Apache-2.0";
