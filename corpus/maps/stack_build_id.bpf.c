/* Keeps the user's stack from which a task's priority is changed: files by their build IDs, and offsets. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define DEPTH 16

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(map_flags, BPF_F_STACK_BUILD_ID);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, DEPTH * sizeof(struct bpf_stack_build_id));
} stacks SEC(".maps");

const volatile __u32 target_pid;

__s64 stack = -1;

SEC("kprobe/set_user_nice")
int on_nice(void *registers)
{
	if (bpf_get_current_pid_tgid() >> 32 == target_pid)
		stack = bpf_get_stackid(registers, &stacks, BPF_F_USER_STACK);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
