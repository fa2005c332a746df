/* Must be refused: no kernel has this symbol, and it is not weak. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern const void symbol_of_no_kernel __ksym;

__u64 at;

SEC("socket")
int use(struct __sk_buff *packet)
{
	at = (__u64)&symbol_of_no_kernel;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
