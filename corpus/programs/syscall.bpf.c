/* A program that is run by a system call alone, with a context that the caller makes up (5.14). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct arguments {
	__u64 first, second, sum;
};

__u64 product;

SEC("syscall")
int add(struct arguments *arguments)
{
	arguments->sum = arguments->first + arguments->second;
	product = arguments->first * arguments->second;
	return 21;
}

char LICENSE[] SEC("license") = "GPL";
