/* Tells of every program that is executed: by whom, and which file. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct trace_event_raw_sched_process_exec {
	__u32 __data_loc_filename; /* offset from the record's start in the lower half */
	int pid;
} __attribute__((preserve_access_index));

struct event {
	__u32 pid;
	__u32 uid;
	char comm[16];
	char filename[128];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} events SEC(".maps");

const struct event *event_type; /* so that the object says what an event is */

SEC("tp/sched/sched_process_exec")
int on_exec(struct trace_event_raw_sched_process_exec *record)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	event->pid = record->pid;
	event->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_kernel_str(event->filename, sizeof(event->filename),
				  (void *)record + (record->__data_loc_filename & 0xffff));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
