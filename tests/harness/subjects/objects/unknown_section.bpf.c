// No loader knows this section name.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("bpflab/unknown")
int unknown(void *ctx)
{
	return 0;
}
