/* A USDT probe's arguments, each kept by the place it was hit at: a constant there tells which. */
#include "usdt.h"

const volatile __u32 target_pid;

__u64 calls, others, cookie;
__s64 constants, numbers[4];

SEC("usdt")
int on_probe(struct pt_regs *registers)
{
	struct probe_spec *spec = probe_spec(registers);

	if (bpf_get_current_pid_tgid() >> 32 != target_pid) {
		others++;
		return 0;
	}
	if (!spec)
		return 0;
	calls++;
	cookie = spec->usdt_cookie;
	constants += probe_argument(registers, spec, 0);
	numbers[0] = spec->arg_cnt;
	numbers[1] = probe_argument(registers, spec, 1);
	numbers[2] = probe_argument(registers, spec, 2);
	numbers[3] = probe_argument(registers, spec, 3);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
