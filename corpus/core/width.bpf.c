/*
 * Members that the object has wider or narrower than the kernel: loads and stores take the kernel's width.
 * Each is read directly, as a trampoline-like program may, and again by its own size.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define KERNEL __attribute__((preserve_access_index))

struct task_struct {
	unsigned int flags;
	__u64 start_time;
} KERNEL;

struct task_struct___wide {
	__u64 flags;
} KERNEL;

struct task_struct___narrow {
	__u8 flags;
	__u32 start_time;
} KERNEL;

struct __sk_buff___wide {
	__u64 mark;
} KERNEL;

struct __sk_buff___narrow {
	__u16 mark;
} KERNEL;

const volatile __u32 target_pid;

__u64 flags, wide_flags, narrow_flags, start, narrow_start;

SEC("tp_btf/task_rename")
int load_members(__u64 *arguments)
{
	void *task = (void *)arguments[0];

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	wide_flags = ((struct task_struct___wide *)task)->flags;
	narrow_flags = ((struct task_struct___narrow *)task)->flags;
	narrow_start = ((struct task_struct___narrow *)task)->start_time;
	flags = BPF_CORE_READ((struct task_struct *)task, flags);
	start = BPF_CORE_READ((struct task_struct *)task, start_time);
	return 0;
}

SEC("tc")
int store_wide(struct __sk_buff___wide *skb)
{
	skb->mark = 0x12345678;
	return ((struct __sk_buff *)skb)->mark == 0x12345678;
}

SEC("tc")
int store_narrow(struct __sk_buff___narrow *skb)
{
	struct __sk_buff *whole = (void *)skb;

	whole->mark = 0xffffffff;
	barrier();
	skb->mark = 0x1234;
	return whole->mark == 0x1234;
}

char LICENSE[] SEC("license") = "GPL";
