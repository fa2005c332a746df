/* Several data sections of one kind, each a map of its own. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC(".rodata.one") const volatile __u32 constant_one = 1;
SEC(".rodata.two") const volatile __u32 constant_two = 2;
SEC(".rodata.two") const volatile __u32 constant_three = 3;
SEC(".data.one") __u64 data_one = 10;
SEC(".data.two") __u64 data_two = 20;
SEC(".data.with_a_rather_long_name") __u64 data_three = 30;
SEC(".bss.one") __u64 zeroed_one;
SEC(".bss.two") __u64 zeroed_two;

SEC("socket")
int add_up(struct __sk_buff *skb)
{
	data_one += constant_one;
	data_two += constant_two;
	data_three += constant_three;
	zeroed_one += 100;
	zeroed_two += 200;
	return data_one + data_two + data_three + zeroed_one + zeroed_two;
}

char LICENSE[] SEC("license") = "Apache-2.0";
