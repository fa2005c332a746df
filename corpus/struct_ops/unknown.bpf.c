/* Must be refused: no kernel calls back by a struct of this name. */
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

SEC(".struct_ops")
struct ops_of_no_kernel ops = {
	.callback = (void *)callback,
};

char LICENSE[] SEC("license") = "GPL";
