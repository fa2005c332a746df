/* Calls of static and global functions in .text, two deep, from two programs of one section. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __noinline int square(int value)
{
	barrier_var(value);
	return value * value;
}

__noinline int square_plus_one(int value)
{
	barrier_var(value);
	return square(value) + 1;
}

static __noinline int twice(int value)
{
	barrier_var(value);
	return square_plus_one(value) + square_plus_one(value);
}

int input = 3;

SEC("socket")
int one_call(struct __sk_buff *skb)
{
	return square(input);
}

SEC("socket")
int nested_calls(struct __sk_buff *skb)
{
	return twice(input) + square(input);
}

char LICENSE[] SEC("license") = "Apache-2.0";
