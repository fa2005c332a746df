/* A good program, but compiled for the other byte order (see FLAGS in build.py). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int pass(struct __sk_buff *skb)
{
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
