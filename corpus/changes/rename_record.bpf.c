/* The tracepoint task_rename's record: in some kernels (6.18) without the pid that comes first in others. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct trace_event_raw_task_rename {
	int pid;
	char oldcomm[16];
	char newcomm[16];
} __attribute__((preserve_access_index));

const volatile __u32 target_pid;

int pid = -1;
char before[16], after[16];

SEC("tp/task/task_rename")
int on_rename(struct trace_event_raw_task_rename *record)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	if (bpf_core_field_exists(record->pid))
		pid = record->pid;
	bpf_core_read(before, sizeof(before), &record->oldcomm);
	bpf_core_read(after, sizeof(after), &record->newcomm);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
