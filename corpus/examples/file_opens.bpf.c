/* Tells of every file that is opened, and keeps files of one name from all but root. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define EPERM 1

struct qstr {
	const unsigned char *name;
} __attribute__((preserve_access_index));

struct dentry {
	struct qstr d_name;
} __attribute__((preserve_access_index));

struct path {
	struct dentry *dentry;
} __attribute__((preserve_access_index));

struct file {
	struct path f_path;
} __attribute__((preserve_access_index));

struct event {
	__u32 pid;
	__u32 uid;
	__s32 verdict;
	char comm[16];
	char name[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

const struct event *event_type; /* so that the object says what an event is */

const volatile char secret[64];

static int is_secret(const char *name)
{
	for (int i = 0; i < sizeof(secret); i++) {
		if (name[i] != secret[i])
			return 0;
		if (!secret[i])
			return i > 0;
	}
	return 1;
}

SEC("lsm/file_open")
int on_open(__u64 *arguments)
{
	struct file *file = (void *)arguments[0];
	struct event event = { .pid = bpf_get_current_pid_tgid() >> 32, .uid = bpf_get_current_uid_gid() };
	int refused;

	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_probe_read_kernel_str(event.name, sizeof(event.name), file->f_path.dentry->d_name.name);
	refused = event.uid && is_secret(event.name);
	event.verdict = refused ? -EPERM : 0;
	bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	return refused ? -EPERM : 0; /* the verifier wants to see the number itself */
}

char LICENSE[] SEC("license") = "GPL";
