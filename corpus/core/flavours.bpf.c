/* Several views of one kernel type, told apart by what follows the last `___` of their names. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define KERNEL __attribute__((preserve_access_index))

struct task_struct {
	int pid;
} KERNEL;

struct task_struct___one {
	long before;
	int tgid;
} KERNEL;

struct task_struct___two___parts {
	int tgid; /* of `task_struct___two`, which no kernel has: only the last part is a flavour */
} KERNEL;

struct task_struct___of_another_kind {
	struct task_struct *pid; /* a pointer, where the kernel has a number */
} KERNEL;

/* No flavours: nothing before the underscores, or nothing after them. */
struct ___task_struct {
	int pid;
} KERNEL;
struct task_struct___ {
	int pid;
} KERNEL;

__u32 plain, flavoured, two_parts, other_kind, leading, trailing;
__u32 plain_offset, flavoured_offset;

SEC("socket")
int look(struct __sk_buff *skb)
{
	plain = bpf_core_field_exists(struct task_struct, pid);
	flavoured = bpf_core_field_exists(struct task_struct___one, tgid);
	two_parts = bpf_core_field_exists(struct task_struct___two___parts, tgid);
	other_kind = bpf_core_field_exists(struct task_struct___of_another_kind, pid);
	leading = bpf_core_type_exists(struct ___task_struct);
	trailing = bpf_core_type_exists(struct task_struct___);
	plain_offset = bpf_core_field_offset(struct task_struct, pid);
	flavoured_offset = bpf_core_field_offset(struct task_struct___one, tgid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
