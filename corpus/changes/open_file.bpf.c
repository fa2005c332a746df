/*
 * An open file: f_count, its count of references, became f_ref in 6.13 (90ee6ed776c0), where 0 stands
 * for one reference; f_path lies in an anonymous union by 6.18. The mount around a vfsmount
 * is found by the offset that this kernel has between them.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct vfsmount {
	int mnt_flags;
} __attribute__((preserve_access_index));

struct mount {
	struct vfsmount mnt;
	int mnt_id;
} __attribute__((preserve_access_index));

struct path {
	struct vfsmount *mnt;
} __attribute__((preserve_access_index));

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__s64 counter;
} atomic_long_t;

typedef struct {
	atomic_long_t refcnt;
} file_ref_t;

struct file {
	struct path f_path;
	file_ref_t f_ref;
} __attribute__((preserve_access_index));

struct file___before_6_13 {
	atomic_long_t f_count;
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

__s64 references = -1;
int mount_id = -1;

SEC("raw_tp/task_rename")
int read_file(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file___before_6_13 *older;
	struct file *file, **files;
	struct vfsmount *vfsmount;
	struct mount *mount;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	files = BPF_CORE_READ(task, files, fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + target_fd))
		return 0;
	older = (void *)file;
	if (bpf_core_field_exists(file->f_ref))
		references = BPF_CORE_READ(file, f_ref.refcnt.counter) + 1;
	else
		references = BPF_CORE_READ(older, f_count.counter);
	vfsmount = BPF_CORE_READ(file, f_path.mnt);
	mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
	mount_id = BPF_CORE_READ(mount, mnt_id);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
