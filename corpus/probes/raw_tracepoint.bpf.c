/* Programs on a raw tracepoint that may say something back, and what is said when one is attached. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 target_pid;

__u64 calls, cookie;
char comm[16];

static int is_target(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target_pid;
}

SEC("raw_tp.w")
int reads_only(struct bpf_raw_tracepoint_args *context)
{
	if (!is_target())
		return 0;
	calls++;
	bpf_probe_read_kernel_str(comm, sizeof(comm), (void *)context->args[1]);
	return 0;
}

SEC("raw_tp.w")
int writes(__u64 **context)
{
	context[0][0] = 0;
	return 0;
}

SEC("?raw_tp")
int with_cookie(struct bpf_raw_tracepoint_args *context)
{
	if (!is_target())
		return 0;
	calls++;
	cookie = bpf_get_attach_cookie(context);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
