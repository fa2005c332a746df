/* Calls a helper that no kernel has. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long (*no_such_helper)(void) = (void *)9999;

SEC("socket")
int call(struct __sk_buff *skb)
{
	return no_such_helper();
}

char LICENSE[] SEC("license") = "GPL";
