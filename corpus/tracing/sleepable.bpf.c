/* Reads memory of user space, which may have to be fetched first: only programs that may sleep can. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u64 address;

char copied[4];

SEC("fentry.s/bpf_fentry_test1")
int copy(__u64 *arguments)
{
	bpf_copy_from_user(copied, sizeof(copied), (void *)address);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
