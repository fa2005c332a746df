/* A chain of functions as deep as the kernel takes: eight frames with the program's own. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define LEVEL(name, next)                        \
	static __noinline int name(int value)    \
	{                                        \
		barrier_var(value);              \
		return next(value * 2) + 1;      \
	}

static __noinline int level_7(int value)
{
	barrier_var(value);
	return value;
}

LEVEL(level_6, level_7)
LEVEL(level_5, level_6)
LEVEL(level_4, level_5)
LEVEL(level_3, level_4)
LEVEL(level_2, level_3)
LEVEL(level_1, level_2)

SEC("socket")
int descend(struct __sk_buff *skb)
{
	int value = 3;

	barrier_var(value);
	return level_1(value);
}

char LICENSE[] SEC("license") = "Apache-2.0";
