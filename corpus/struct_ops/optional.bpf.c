/* A struct that is only created if it is asked for: its program is not loaded either. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct ops_of_no_kernel {
	int (*callback)(void);
};

SEC("struct_ops/callback")
int callback(__u64 *arguments)
{
	return 0;
}

SEC("?.struct_ops")
struct ops_of_no_kernel ops = {
	.callback = (void *)callback,
};

SEC("socket")
int other(struct __sk_buff *packet)
{
	return 3;
}

char LICENSE[] SEC("license") = "GPL";
