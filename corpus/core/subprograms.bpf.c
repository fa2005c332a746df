/* Relocations in static and global functions, each needed by two programs at different places. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define KERNEL __attribute__((preserve_access_index))

struct task_struct {
	int pid;
	int tgid;
	int no_such_member;
} KERNEL;

static __noinline int pid_offset(int more)
{
	barrier_var(more);
	return bpf_core_field_offset(struct task_struct, pid) + more;
}

__noinline int tgid_offset(int more)
{
	barrier_var(more);
	if (bpf_core_field_exists(struct task_struct, no_such_member))
		return bpf_core_field_offset(struct task_struct, no_such_member);
	return bpf_core_field_offset(struct task_struct, tgid) + more;
}

SEC("socket")
int both(struct __sk_buff *skb)
{
	return (tgid_offset(0) << 16) + pid_offset(0);
}

SEC("tc")
int swapped(struct __sk_buff *skb)
{
	return (pid_offset(0) << 16) + tgid_offset(bpf_core_type_size(struct task_struct) ? 1 : 2);
}

char LICENSE[] SEC("license") = "GPL";
