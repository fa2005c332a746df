/*
 * An inode's time of change: i_ctime, __i_ctime since 6.6 (13bc24457850), and two
 * members of their own, i_ctime_sec and i_ctime_nsec, since 6.11 (3aa63a569c64).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* Since 6.13 the highest bit of the nanoseconds tells that somebody has asked for them (multigrain timestamps). */
#define I_CTIME_QUERIED (1U << 31)

struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
} __attribute__((preserve_access_index));

struct inode {
	__s64 i_ctime_sec;
	__u32 i_ctime_nsec;
	unsigned long i_ino;
} __attribute__((preserve_access_index));

struct inode___before_6_11 {
	struct timespec64 __i_ctime;
} __attribute__((preserve_access_index));

struct inode___before_6_6 {
	struct timespec64 i_ctime;
} __attribute__((preserve_access_index));

struct file {
	struct inode *f_inode;
} __attribute__((preserve_access_index));

struct fdtable {
	struct file **fd;
} __attribute__((preserve_access_index));

struct files_struct {
	struct fdtable *fdt;
} __attribute__((preserve_access_index));

struct task_struct {
	struct files_struct *files;
} __attribute__((preserve_access_index));

const volatile __u32 target_pid;
const volatile __u32 target_fd;

__s64 seconds = -1, nanoseconds = -1;
__u64 number;

SEC("raw_tp/task_rename")
int read_inode(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file, **files;
	struct inode *inode;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	files = BPF_CORE_READ(task, files, fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + target_fd))
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	number = BPF_CORE_READ(inode, i_ino);
	if (bpf_core_field_exists(inode->i_ctime_sec)) {
		seconds = BPF_CORE_READ(inode, i_ctime_sec);
		nanoseconds = BPF_CORE_READ(inode, i_ctime_nsec) & ~I_CTIME_QUERIED;
	} else if (bpf_core_field_exists(struct inode___before_6_11, __i_ctime)) {
		seconds = BPF_CORE_READ((struct inode___before_6_11 *)inode, __i_ctime.tv_sec);
		nanoseconds = BPF_CORE_READ((struct inode___before_6_11 *)inode, __i_ctime.tv_nsec);
	} else {
		seconds = BPF_CORE_READ((struct inode___before_6_6 *)inode, i_ctime.tv_sec);
		nanoseconds = BPF_CORE_READ((struct inode___before_6_6 *)inode, i_ctime.tv_nsec);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
