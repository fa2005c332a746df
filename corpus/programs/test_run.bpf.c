/* What a test run gives a program, and takes from it: a packet's context, arguments, a CPU. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 cpu;
__u64 argument;

SEC("tc")
int double_mark(struct __sk_buff *packet)
{
	packet->mark *= 2;
	return packet->priority;
}

SEC("raw_tp/task_rename")
int on_cpu(struct bpf_raw_tracepoint_args *context)
{
	cpu = bpf_get_smp_processor_id() + 1;
	argument = context->args[1];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
