/* A variable in every kind of data section, global and static, all read or written by one program. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 limit = 7;
static volatile const __u32 hidden_limit = 11;
SEC(".rodata.custom") const volatile __u32 custom_limit = 13;

__u64 seeded = 0x1122334455667788;
static volatile __u32 hidden_seed = 17;
SEC(".data.custom") __u32 custom = 40;
char greeting[8] = "hello";

__u64 sum;
static volatile __u32 calls;
SEC(".bss.custom") __u64 custom_zeroed;

SEC("socket")
int add_up(struct __sk_buff *skb)
{
	sum = limit + hidden_limit + custom_limit + hidden_seed + custom + custom_zeroed + calls;
	calls++;
	hidden_seed++;
	custom += 2;
	custom_zeroed += 3;
	seeded++;
	greeting[0] = 'j';
	return sum;
}

char LICENSE[] SEC("license") = "Apache-2.0";
