/* Takes the place of another program's function. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("freplace/verdict")
int other_verdict(struct __sk_buff *packet)
{
	return 70;
}

char LICENSE[] SEC("license") = "GPL";
