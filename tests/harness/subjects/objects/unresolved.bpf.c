// No kernel has this symbol.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

extern const void bpflab_no_such_symbol __ksym;

SEC("socket")
int unresolved(struct __sk_buff *skb)
{
	return (long)&bpflab_no_such_symbol;
}
