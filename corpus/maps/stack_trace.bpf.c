/* Keeps the stack on which a task's priority is changed: in a map of stacks, and as a copy beside it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define DEPTH 32

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, DEPTH * sizeof(__u64));
} stacks SEC(".maps");

const volatile __u32 target_pid;

__s64 stack = -1;
__u64 copied[DEPTH];

SEC("kprobe/set_user_nice")
int on_nice(void *registers)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	stack = bpf_get_stackid(registers, &stacks, 0);
	bpf_get_stack(registers, copied, sizeof(copied), 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
