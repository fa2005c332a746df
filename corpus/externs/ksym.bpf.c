/* Symbols of the kernel by their address alone; what they are is not said. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern const void _stext __ksym;
extern const void bpf_prog_put __ksym;
extern const void symbol_of_no_kernel __ksym __weak;

__u64 text_at, function_at, missing_at = 1;

SEC("socket")
int look(struct __sk_buff *packet)
{
	text_at = (__u64)&_stext;
	function_at = (__u64)&bpf_prog_put;
	missing_at = (__u64)&symbol_of_no_kernel;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
