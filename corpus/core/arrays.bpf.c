/* Elements of arrays: inside, beyond the end, in a flexible array, of structs, and of a pointer taken as an array. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define KERNEL __attribute__((preserve_access_index))

struct task_struct {
	char comm[64]; /* the kernel has 16 */
} KERNEL;

struct cpu_itimer {
	__u64 incr;
} KERNEL;

struct signal_struct {
	struct cpu_itimer it[2];
} KERNEL;

struct bpf_insn___kernels {
	__s32 imm;
} KERNEL;

struct bpf_prog {
	struct bpf_insn___kernels insnsi[];
} KERNEL;

struct list_head {
	struct list_head *next, *prev;
} KERNEL;

#define OFFSET(lvalue) __builtin_preserve_field_info(lvalue, BPF_FIELD_BYTE_OFFSET)
#define EXISTS(lvalue) __builtin_preserve_field_info(lvalue, BPF_FIELD_EXISTS)

const volatile __u32 target_pid;

__u32 last_exists, beyond_exists, third, second_timer, eighth_insn, third_in_list;
char letter;

SEC("raw_tp/task_rename")
int measure(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct signal_struct *signal = 0;
	struct bpf_prog *prog = 0;
	struct list_head *list = 0;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	last_exists = EXISTS(task->comm[15]);
	beyond_exists = EXISTS(task->comm[16]);
	third = OFFSET(task->comm[2]);
	second_timer = OFFSET(signal->it[1].incr);
	eighth_insn = OFFSET(prog->insnsi[7].imm);
	third_in_list = OFFSET(list[2].prev);
	bpf_core_read(&letter, 1, &task->comm[2]);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
