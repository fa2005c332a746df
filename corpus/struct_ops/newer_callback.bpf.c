/* Must be refused: there is a program for a callback that no kernel has. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "tcp_congestion.h"

struct tcp_congestion_ops___newer {
	char name[16];
	void (*of_no_kernel)(struct sock *sk);
};

SEC("struct_ops/of_no_kernel")
void never_called(__u64 *arguments)
{
}

SEC(".struct_ops")
struct tcp_congestion_ops___newer control = {
	.name = "bpflab_callback",
	.of_no_kernel = (void *)never_called,
};

char LICENSE[] SEC("license") = "GPL";
