/* What a relocation can tell about a type of each kind: its id here and in the kernel, existence, size. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define KERNEL __attribute__((preserve_access_index))

struct task_struct {
	int pid;
} KERNEL;

struct thread_info {
	unsigned long flags;
} KERNEL;

/* The kernel's is a struct, and a type is only found among those of its kind. */
union list_head {
	long number;
} KERNEL;

struct perf_event___any_flavour {
	int state;
} KERNEL;

typedef int pid_t;
typedef struct {
	int counter;
} atomic_t;
typedef int no_such_t;

/* What a typedef stands for is compared, unlike its name's capitals: a pointer is no number. */
typedef void *gfp_t;

struct told {
	__u32 exists, size, kernels_id;
};

#define TELL(result, type)                                            \
	do {                                                          \
		result.exists = bpf_core_type_exists(type);           \
		result.size = bpf_core_type_size(type);               \
		result.kernels_id = bpf_core_type_id_kernel(type);    \
	} while (0)

struct told task, attributes, map_type, pid, atomic, event, union_list, missing, pointer;
__u32 local_task, local_pid;

SEC("socket")
int tell(struct __sk_buff *skb)
{
	TELL(task, struct task_struct);
	TELL(attributes, union bpf_attr);
	TELL(map_type, enum bpf_map_type);
	TELL(pid, pid_t);
	TELL(atomic, atomic_t);
	TELL(event, struct perf_event___any_flavour);
	TELL(union_list, union list_head);
	TELL(missing, no_such_t);
	TELL(pointer, gfp_t);
	local_task = bpf_core_type_id_local(struct task_struct);
	local_pid = bpf_core_type_id_local(pid_t);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
