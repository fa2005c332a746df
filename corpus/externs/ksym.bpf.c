/* Variables of the kernel: by address alone, and with their type, which makes them readable. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct rq {
	int cpu;
} __attribute__((preserve_access_index));

extern const void init_task __ksym;
extern const void symbol_of_no_kernel __ksym __weak;
extern const struct rq runqueues __ksym;
extern const int variable_of_no_kernel __ksym __weak;

__u64 init_task_at, symbol_at = 1, variable_at = 1;
int first_cpu = -1, this_cpu = -1, expected_cpu = -1;

SEC("raw_tp/sys_enter")
int read(void *context)
{
	const struct rq *first = bpf_per_cpu_ptr(&runqueues, 0), *this = bpf_this_cpu_ptr(&runqueues);

	init_task_at = (__u64)&init_task;
	symbol_at = (__u64)&symbol_of_no_kernel;
	variable_at = (__u64)&variable_of_no_kernel;
	if (first)
		first_cpu = first->cpu;
	this_cpu = this->cpu;
	expected_cpu = bpf_get_smp_processor_id();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
