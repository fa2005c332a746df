/* A USDT probe's arguments, read by libbpf's own header: what users' objects have in them. */
#include <linux/bpf.h>
#include <linux/types.h>
#include "registers.h"

typedef _Bool bool;

/* struct pt_regs is the kernel's, with the kernel's names. */
#define __VMLINUX_H__
#include <bpf/usdt.bpf.h>

const volatile __u32 target_pid;

__u64 calls, others, cookie;
__s64 constants, numbers[4];

SEC("usdt")
int on_probe(struct pt_regs *registers)
{
	long value;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid) {
		others++;
		return 0;
	}
	calls++;
	cookie = bpf_usdt_cookie(registers);
	bpf_usdt_arg(registers, 0, &value);
	constants += value;
	numbers[0] = bpf_usdt_arg_cnt(registers);
	for (int number = 1; number < 4; number++) {
		bpf_usdt_arg(registers, number, &value);
		numbers[number] = value;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
