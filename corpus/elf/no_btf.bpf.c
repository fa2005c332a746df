/* Compiled without debug information (-g0): there is no BTF, and variables are known by their sections alone. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 step = 3;
__u32 start = 40;
__u32 runs;

static __noinline int next(int value)
{
	barrier_var(value);
	return value + step;
}

SEC("socket")
int run(struct __sk_buff *skb)
{
	runs++;
	start = next(start);
	return start + runs;
}

char LICENSE[] SEC("license") = "Apache-2.0";
