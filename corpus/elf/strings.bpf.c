/* String literals, which the compiler puts into sections of their own (.rodata.str1.1) that no type describes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char short_one[8], long_one[32];

SEC("raw_tp/task_rename")
int copy(void *context)
{
	bpf_probe_read_kernel_str(short_one, sizeof(short_one), "short");
	bpf_probe_read_kernel_str(long_one, sizeof(long_one), "a rather longer literal");
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
