/* The instruction set of the first kernels (-mcpu=v1): no jumps of 32 bits, none for less-than. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int low = -5, high = 20;
__u64 sum;

SEC("tc")
int add_range(struct __sk_buff *skb)
{
	int value = skb->len;

	sum += value;
	if (value < low || value >= high + 100)
		return 1;
	return value > 70 ? 2 : 3;
}

char LICENSE[] SEC("license") = "Apache-2.0";
