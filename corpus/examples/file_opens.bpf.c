/* Tells of every file that is opened, and forbids one directory to all but root. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define EPERM 1

struct path {
} __attribute__((preserve_access_index));

struct file {
	struct path f_path;
	unsigned int f_flags;
} __attribute__((preserve_access_index));

struct event {
	__u32 pid;
	__u32 uid;
	__u32 flags;
	__s32 verdict;
	char comm[16];
	char path[128];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

const struct event *event_type; /* so that the object says what an event is */

char forbidden[64];
__u32 forbidden_length;

static int begins_forbidden(const char *path)
{
	if (!forbidden_length)
		return 0;
	for (__u32 i = 0; i < sizeof(forbidden); i++) {
		if (i >= forbidden_length)
			return 1;
		if (path[i] != forbidden[i])
			return 0;
	}
	return 0;
}

SEC("lsm/file_open")
int on_open(__u64 *arguments)
{
	struct file *file = (void *)arguments[0];
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	int verdict = 0;

	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->uid = bpf_get_current_uid_gid();
	event->flags = file->f_flags;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	if (bpf_d_path(&file->f_path, event->path, sizeof(event->path)) > 0 && event->uid &&
	    begins_forbidden(event->path))
		verdict = -EPERM;
	event->verdict = verdict;
	bpf_ringbuf_submit(event, 0);
	return verdict;
}

char LICENSE[] SEC("license") = "GPL";
