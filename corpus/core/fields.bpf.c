/*
 * All six things that a relocation can tell about a member: whether it exists, its offset, size, sign, and
 * the shifts that take a bitfield out of what is loaded. The check works them out from the kernel's BTF.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define KERNEL __attribute__((preserve_access_index))

struct thread_info {
	unsigned long flags;
} KERNEL;

struct sched_entity {
	__u64 sum_exec_runtime;
} KERNEL;

struct task_struct {
	int prio;
	char comm[16];
	struct task_struct *real_parent;
	struct thread_info thread_info;
	struct sched_entity se;
	unsigned in_execve : 1;
	int no_such_member;
} KERNEL;

struct mm_struct {
	unsigned long start_code;
} KERNEL;

struct page {
	void *mapping;
} KERNEL;

struct sk_buff {
	__u8 pkt_type : 3;
	__u8 ip_summed : 2;
	__u8 csum_level : 2;
} KERNEL;

struct tcp_sock {
	__u8 nonagle : 4;
} KERNEL;

struct bpf_prog {
	__u16 jited : 1;
} KERNEL;

struct sock_common {
	volatile unsigned char skc_state;
	__be32 skc_daddr;
} KERNEL;

struct sock {
	struct sock_common __sk_common;
} KERNEL;

struct bpf_map {
	enum bpf_map_type map_type;
} KERNEL;

struct files_struct {
	_Bool resize_in_progress;
} KERNEL;

struct percpu_counter {
	__s64 count;
} KERNEL;

struct measured {
	__u32 exists, offset, size, is_signed, left, right;
};

#define TELL(owner, member, what) __builtin_preserve_field_info(((struct owner *)0)->member, BPF_FIELD_##what)

/* clang has signs and shifts of integers only. */
#define PLACE(result, owner, member)                                  \
	if (TELL(owner, member, EXISTS)) {                            \
		result.exists = 1;                                    \
		result.offset = TELL(owner, member, BYTE_OFFSET);     \
		result.size = TELL(owner, member, BYTE_SIZE);         \
	}

#define MEASURE(result, owner, member)                                \
	PLACE(result, owner, member)                                  \
	if (TELL(owner, member, EXISTS)) {                            \
		result.is_signed = TELL(owner, member, SIGNED);       \
		result.left = TELL(owner, member, LSHIFT_U64);        \
		result.right = TELL(owner, member, RSHIFT_U64);       \
	}

struct measured prio, comm, real_parent, thread_flags, runtime, in_execve, imagined;
struct measured start_code, mapping, pkt_type, ip_summed, csum_level, nonagle, jited;
struct measured state, daddr, map_type, resizing, count;

SEC("socket")
int measure(struct __sk_buff *skb)
{
	MEASURE(prio, task_struct, prio);
	PLACE(comm, task_struct, comm);
	PLACE(real_parent, task_struct, real_parent);
	MEASURE(thread_flags, task_struct, thread_info.flags);
	MEASURE(runtime, task_struct, se.sum_exec_runtime);
	MEASURE(in_execve, task_struct, in_execve);
	MEASURE(imagined, task_struct, no_such_member);
	MEASURE(start_code, mm_struct, start_code);
	PLACE(mapping, page, mapping);
	MEASURE(pkt_type, sk_buff, pkt_type);
	MEASURE(ip_summed, sk_buff, ip_summed);
	MEASURE(csum_level, sk_buff, csum_level);
	MEASURE(nonagle, tcp_sock, nonagle);
	MEASURE(jited, bpf_prog, jited);
	MEASURE(state, sock, __sk_common.skc_state);
	MEASURE(daddr, sock, __sk_common.skc_daddr);
	MEASURE(map_type, bpf_map, map_type);
	MEASURE(resizing, files_struct, resize_in_progress);
	MEASURE(count, percpu_counter, count);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
