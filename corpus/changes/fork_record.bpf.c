/* The tracepoint sched_process_fork's record: names in place until 6.12, behind an offset in 6.18. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct trace_event_raw_sched_process_fork {
	__u32 __data_loc_parent_comm;
	int parent_pid;
	int child_pid;
} __attribute__((preserve_access_index));

struct trace_event_raw_sched_process_fork___in_place {
	char parent_comm[16];
} __attribute__((preserve_access_index));

const volatile __u32 target_pid;

int parent_pid, child_pid;
char parent_name[16];

SEC("tp/sched/sched_process_fork")
int on_fork(struct trace_event_raw_sched_process_fork *record)
{
	struct trace_event_raw_sched_process_fork___in_place *older = (void *)record;
	const void *name;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	parent_pid = record->parent_pid;
	child_pid = record->child_pid;
	if (bpf_core_field_exists(record->__data_loc_parent_comm))
		name = (void *)record + (record->__data_loc_parent_comm & 0xffff);
	else
		name = (void *)record + bpf_core_field_offset(older->parent_comm);
	bpf_probe_read_kernel_str(parent_name, sizeof(parent_name), name);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
