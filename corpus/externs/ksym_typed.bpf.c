/* A per-CPU variable of the kernel with its type, which makes it readable. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct rq {
	int cpu;
} __attribute__((preserve_access_index));

extern const struct rq runqueues __ksym;
extern const int variable_of_no_kernel __ksym __weak;

__u64 missing_at = 1;
int first_cpu = -1, this_cpu = -1, expected_cpu = -1;

SEC("raw_tp/sys_enter")
int read(void *context)
{
	const struct rq *first = bpf_per_cpu_ptr(&runqueues, 0), *this = bpf_this_cpu_ptr(&runqueues);

	missing_at = (__u64)&variable_of_no_kernel;
	if (first)
		first_cpu = first->cpu;
	this_cpu = this->cpu;
	expected_cpu = bpf_get_smp_processor_id();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
