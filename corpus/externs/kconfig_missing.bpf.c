/* Must be refused: no kernel has this option, and it is not weak. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int CONFIG_OF_NO_KERNEL __kconfig;

SEC("socket")
int use(struct __sk_buff *packet)
{
	return CONFIG_OF_NO_KERNEL;
}

char LICENSE[] SEC("license") = "GPL";
