/* Twenty relocations of fields of eight kernel structs, in a program type that every kernel offers. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define relocated __attribute__((preserve_access_index))

struct task_struct {
	int pid, tgid, prio, exit_code;
	char comm[16];
} relocated;

struct mm_struct {
	unsigned long start_code, end_code, arg_start, total_vm;
} relocated;

struct cred {
	struct {
		unsigned int val;
	} uid, gid, euid;
} relocated;

struct sk_buff {
	unsigned int len, data_len;
} relocated;

struct net_device {
	int ifindex;
	unsigned int mtu;
} relocated;

struct file {
	unsigned int f_flags;
	long long f_pos;
} relocated;

struct inode {
	unsigned long i_ino;
	unsigned short i_mode;
} relocated;

struct nsproxy {
	void *uts_ns;
} relocated;

#define OFFSET(type, member) __builtin_preserve_field_info(((struct type *)0)->member, BPF_FIELD_BYTE_OFFSET)

__u32 sum;

SEC("socket")
int add_up(struct __sk_buff *skb)
{
	__u32 offsets = 0;

	offsets += OFFSET(task_struct, pid) + OFFSET(task_struct, tgid) + OFFSET(task_struct, prio);
	offsets += OFFSET(task_struct, exit_code) + OFFSET(task_struct, comm);
	offsets += OFFSET(mm_struct, start_code) + OFFSET(mm_struct, end_code);
	offsets += OFFSET(mm_struct, arg_start) + OFFSET(mm_struct, total_vm);
	offsets += OFFSET(cred, uid) + OFFSET(cred, gid) + OFFSET(cred, euid);
	offsets += OFFSET(sk_buff, len) + OFFSET(sk_buff, data_len);
	offsets += OFFSET(net_device, ifindex) + OFFSET(net_device, mtu);
	offsets += OFFSET(file, f_flags) + OFFSET(file, f_pos);
	offsets += OFFSET(inode, i_ino) + OFFSET(nsproxy, uts_ns);
	sum = offsets;
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
