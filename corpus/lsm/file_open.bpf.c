/* One process may not open files of one name. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define EPERM 1
#define SECRET "bpflab-secret"

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

const volatile __u32 target_pid;

__u64 asked, refused;

SEC("lsm/file_open")
int keep_closed(__u64 *arguments)
{
	struct file *file = (void *)arguments[0];
	char name[sizeof(SECRET)] = {};

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	asked++;
	bpf_probe_read_kernel_str(name, sizeof(name), file->f_path.dentry->d_name.name);
	if (__builtin_memcmp(name, SECRET, sizeof(SECRET)))
		return 0;
	refused++;
	return -EPERM;
}

char LICENSE[] SEC("license") = "GPL";
