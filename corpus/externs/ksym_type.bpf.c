/* Must be refused: every kernel has this variable, and nowhere is it an integer. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern const int runqueues __ksym;

SEC("raw_tp/sys_enter")
int use(void *context)
{
	const int *first = bpf_per_cpu_ptr(&runqueues, 0);

	return first ? *first : 0;
}

char LICENSE[] SEC("license") = "GPL";
