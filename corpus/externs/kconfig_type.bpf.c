/* Must be refused: the option holds a number, which no bool can. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern _Bool CONFIG_HZ __kconfig;

SEC("socket")
int use(struct __sk_buff *packet)
{
	return CONFIG_HZ;
}

char LICENSE[] SEC("license") = "GPL";
