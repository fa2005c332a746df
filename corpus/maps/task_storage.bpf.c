/* Storage that hangs on a task (5.11): a map without entries, whose key is a task. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct;

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} renames SEC(".maps");

const volatile __u32 target_pid;

__u64 last;

SEC("tp_btf/task_rename")
int count(__u64 *arguments)
{
	struct task_struct *task = (void *)arguments[0];
	__u64 *seen;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	seen = bpf_task_storage_get(&renames, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (seen)
		last = ++*seen;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
