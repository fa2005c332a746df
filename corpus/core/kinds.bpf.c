/* One relocation of each kind that needs no pointer to kernel memory, with what exists and what does not. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "task.h"

struct task_struct___imagined {
	int no_such_member;
} __attribute__((preserve_access_index));

struct no_such_struct {
	int member;
} __attribute__((preserve_access_index));

struct list_head {
	struct list_head *next, *prev;
} __attribute__((preserve_access_index));

/* The values are wrong on purpose: the kernel's own must take their place. */
enum bpf_map_type___local {
	BPF_MAP_TYPE_RINGBUF___local = 1,
	BPF_MAP_TYPE_IMAGINED___local = 2,
};

__u32 member_exists, imagined_member_exists;
__u32 type_exists, imagined_type_exists;
__u32 value_exists, imagined_value_exists;
__u32 comm_size, pid_signed, prev_offset, list_head_size, ringbuf_value;

SEC("socket")
int resolve(struct __sk_buff *skb)
{
	struct task_struct *task = 0;
	struct task_struct___imagined *imagined = 0;

	member_exists = bpf_core_field_exists(task->pid);
	imagined_member_exists = bpf_core_field_exists(imagined->no_such_member);
	type_exists = bpf_core_type_exists(struct task_struct);
	imagined_type_exists = bpf_core_type_exists(struct no_such_struct);
	value_exists = bpf_core_enum_value_exists(enum bpf_map_type___local, BPF_MAP_TYPE_RINGBUF___local);
	imagined_value_exists =
		bpf_core_enum_value_exists(enum bpf_map_type___local, BPF_MAP_TYPE_IMAGINED___local);

	comm_size = bpf_core_field_size(task->comm);
	pid_signed = __builtin_preserve_field_info(task->pid, BPF_FIELD_SIGNED);
	prev_offset = __builtin_preserve_field_info(((struct list_head *)0)->prev, BPF_FIELD_BYTE_OFFSET);
	list_head_size = bpf_core_type_size(struct list_head);
	ringbuf_value = bpf_core_enum_value(enum bpf_map_type___local, BPF_MAP_TYPE_RINGBUF___local);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
