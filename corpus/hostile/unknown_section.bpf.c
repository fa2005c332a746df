/* A program in a section whose name says no program type. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("imagined/hook")
int run(void *context)
{
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
