/* A callback that the kernel calls a given number of times, with a context on the stack (5.17). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 total;

static long add(__u32 index, void *context)
{
	total += index * *(__u64 *)context;
	return index == 9;
}

SEC("socket")
int sum_up(struct __sk_buff *skb)
{
	__u64 factor = 3;

	return bpf_loop(1000, add, &factor, 0);
}

char LICENSE[] SEC("license") = "GPL";
