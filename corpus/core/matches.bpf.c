/*
 * TYPE_MATCHES: all that the object's type has is in the kernel's, of the same shape. Only few integers
 * can take part: gcc and clang name and sign the others differently (`char`, `unsigned long long`).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define KERNEL __attribute__((preserve_access_index))

struct list_head___part {
	struct list_head___part *prev;
} KERNEL;

struct list_head___more {
	struct list_head___more *next, *prev, *between;
} KERNEL;

struct hlist_head {
	struct list_head___part *first; /* points to something else in the kernel */
} KERNEL;

struct task_struct___numbers {
	int pid;
	int tgid;
} KERNEL;

struct task_struct___unsigned {
	unsigned int pid;
} KERNEL;

struct task_struct___wide {
	long pid;
} KERNEL;

struct hlist_node {
	struct hlist_node *next;
} KERNEL;

struct task_struct___links {
	struct hlist_node pid_links[4];
} KERNEL;

struct task_struct___fewer_links {
	struct hlist_node pid_links[3];
} KERNEL;

/* Behind a pointer a struct is compared by its name only. */
struct mm_struct {
	int no_such_member;
} KERNEL;

struct task_struct___mm {
	struct mm_struct *mm;
} KERNEL;

enum bpf_map_type___few {
	BPF_MAP_TYPE_HASH___few = 99,
	BPF_MAP_TYPE_RINGBUF___few = 98,
};

enum bpf_map_type___more {
	BPF_MAP_TYPE_HASH___more,
	BPF_MAP_TYPE_IMAGINED___more,
};

struct task_struct {
	int pid;
} KERNEL;

typedef void (*btf_trace_sched_waking)(void *, struct task_struct *);
typedef void (*btf_trace_sched_waking___fewer)(void *);
typedef int (*btf_trace_sched_waking___returns)(void *, struct task_struct *);

__u32 part, more, pointee, numbers, not_signed, wide, links, fewer_links, behind_pointer;
__u32 few, more_values, function, fewer_arguments, returns;

SEC("socket")
int match(struct __sk_buff *skb)
{
	part = bpf_core_type_matches(struct list_head___part);
	more = bpf_core_type_matches(struct list_head___more);
	pointee = bpf_core_type_matches(struct hlist_head);
	numbers = bpf_core_type_matches(struct task_struct___numbers);
	not_signed = bpf_core_type_matches(struct task_struct___unsigned);
	wide = bpf_core_type_matches(struct task_struct___wide);
	links = bpf_core_type_matches(struct task_struct___links);
	fewer_links = bpf_core_type_matches(struct task_struct___fewer_links);
	behind_pointer = bpf_core_type_matches(struct task_struct___mm);
	few = bpf_core_type_matches(enum bpf_map_type___few);
	more_values = bpf_core_type_matches(enum bpf_map_type___more);
	function = bpf_core_type_matches(btf_trace_sched_waking);
	fewer_arguments = bpf_core_type_matches(btf_trace_sched_waking___fewer);
	returns = bpf_core_type_matches(btf_trace_sched_waking___returns);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
