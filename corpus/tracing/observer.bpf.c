/* Watches another program's function from its entry and its return. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 entries, returned;

SEC("fentry/verdict")
int on_entry(__u64 *arguments)
{
	entries++;
	return 0;
}

SEC("fexit/verdict")
int on_return(__u64 *arguments)
{
	returned = arguments[1];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
