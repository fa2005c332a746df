/* Gives a group's TCP connections the congestion control `reno` as they set out. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SOL_TCP 6
#define TCP_CONGESTION 13

__u64 established;

SEC("sockops")
int set_out(struct bpf_sock_ops *ops)
{
	char reno[] = "reno";

	if (ops->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		bpf_setsockopt(ops, SOL_TCP, TCP_CONGESTION, reno, sizeof(reno));
	if (ops->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		established++;
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
