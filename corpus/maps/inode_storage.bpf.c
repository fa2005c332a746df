/* Counts how often one process opens a file, in storage that hangs on the file. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inode;

struct file {
	struct inode *f_inode;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} opens SEC(".maps");

const volatile __u32 target_pid;

SEC("lsm/file_open")
int count(__u64 *arguments)
{
	struct file *file = (void *)arguments[0];
	__u64 *seen;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	seen = bpf_inode_storage_get(&opens, file->f_inode, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (seen)
		++*seen;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
