/* Never ends. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile __u32 never;

SEC("socket")
int spin(struct __sk_buff *skb)
{
	while (!never)
		;
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
