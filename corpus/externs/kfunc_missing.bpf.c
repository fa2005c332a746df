/* Must be refused: no kernel has this function, and it is not weak. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void function_of_no_kernel(void) __ksym;

SEC("socket")
int call(struct __sk_buff *packet)
{
	function_of_no_kernel();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
