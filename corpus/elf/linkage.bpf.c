/*
 * Functions of every linkage: static, global, weak, hidden. A hidden one is verified as its callers' part, so it
 * may take a pointer that a global one may not (before 5.13).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct pair {
	int first, second;
};

static __noinline int local(int value)
{
	barrier_var(value);
	return value + 1;
}

__noinline int global(int value)
{
	barrier_var(value);
	return local(value) * 2;
}

__weak __noinline int weak(int value)
{
	barrier_var(value);
	return value * 3;
}

__hidden __noinline int hidden(struct pair *pair)
{
	barrier_var(pair);
	return pair->first * 10 + pair->second;
}

SEC("socket")
int call_all(struct __sk_buff *skb)
{
	struct pair pair = { 4, 2 };
	int value = 5;

	barrier_var(value);
	return global(value) + weak(value) * 100 + hidden(&pair) * 10000;
}

char LICENSE[] SEC("license") = "Apache-2.0";
