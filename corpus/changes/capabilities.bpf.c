/* kernel_cap_t: two words in struct kernel_cap_struct, one number in an unnamed struct since 6.3 (f122a08b197d). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

typedef struct {
	__u64 val;
} kernel_cap_t;

struct cred {
	kernel_cap_t cap_effective;
} __attribute__((preserve_access_index));

struct kernel_cap_struct {
	__u32 cap[2];
} __attribute__((preserve_access_index));

struct cred___before_6_3 {
	struct kernel_cap_struct cap_effective;
} __attribute__((preserve_access_index));

struct task_struct {
	const struct cred *cred;
} __attribute__((preserve_access_index));

const volatile __u32 target_pid;

__u64 effective;

SEC("raw_tp/task_rename")
int read_capabilities(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	const struct cred___before_6_3 *older;
	const struct cred *cred;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	cred = BPF_CORE_READ(task, cred);
	older = (const void *)cred;
	if (bpf_core_type_exists(struct kernel_cap_struct))
		effective = BPF_CORE_READ(older, cap_effective.cap[0]) |
			    (__u64)BPF_CORE_READ(older, cap_effective.cap[1]) << 32;
	else
		effective = BPF_CORE_READ(cred, cap_effective.val);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
