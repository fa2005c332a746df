/* Calls of functions in sections of their own: a program, and one in a section that no loader knows. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int calls;

/* A program by itself, too. */
SEC("?classifier")
__noinline int counted(struct __sk_buff *skb)
{
	return skb->len + ++calls;
}

/* No loader knows this section: what is in it can only be called. */
__attribute__((section("?cold"), noinline, used)) int cold(int value)
{
	barrier_var(value);
	return value * 3;
}

SEC("socket")
int caller(struct __sk_buff *skb)
{
	return cold(counted(skb));
}

char LICENSE[] SEC("license") = "Apache-2.0";
