/* Function pointers: two callbacks, one of them shared by two programs, calling functions and callbacks (5.17). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 total;

static __noinline int weight(int value)
{
	barrier_var(value);
	return value * 2;
}

static long add(__u32 index, void *context)
{
	total += weight(index);
	return 0;
}

static long subtract(__u32 index, void *context)
{
	total -= index;
	return index == 2;
}

static long nest(__u32 index, void *context)
{
	bpf_loop(3, add, context, 0);
	return 0;
}

SEC("socket")
int add_and_subtract(struct __sk_buff *skb)
{
	bpf_loop(5, add, 0, 0);
	bpf_loop(100, subtract, 0, 0);
	return total;
}

SEC("tc")
int nested(struct __sk_buff *skb)
{
	bpf_loop(4, nest, 0, 0);
	return total;
}

char LICENSE[] SEC("license") = "GPL";
