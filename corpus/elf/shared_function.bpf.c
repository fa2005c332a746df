/* Functions that programs of several types and sections share; each gets its own copy, at a place of its own. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 calls;

static __noinline int count(int step)
{
	barrier_var(step);
	calls += step;
	return calls;
}

static __noinline int count_twice(int step)
{
	barrier_var(step);
	count(step);
	return count(step);
}

SEC("socket")
int in_socket(struct __sk_buff *skb)
{
	return count(1);
}

SEC("tc")
int in_tc(struct __sk_buff *skb)
{
	return count_twice(10);
}

SEC("xdp")
int in_xdp(struct xdp_md *context)
{
	return count(100) + count_twice(100);
}

SEC("tc")
int in_second_tc(struct __sk_buff *skb)
{
	return count(1000);
}

char LICENSE[] SEC("license") = "Apache-2.0";
