/* Must be refused by the kernel: a function that may be missing, is, and is called anyway. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void function_of_no_kernel(void) __ksym __weak;

SEC("socket")
int call(struct __sk_buff *packet)
{
	function_of_no_kernel();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
