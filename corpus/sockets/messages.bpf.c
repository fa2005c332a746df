/* What is sent on a socket of `sockets` is refused if it begins with 'D', else counted. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 sent, refused;

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

SEC("sk_msg")
int judge(struct sk_msg_md *message)
{
	__u8 *data = message->data;

	if (data + 1 > (__u8 *)message->data_end)
		return SK_PASS;
	if (*data == 'D') {
		refused++;
		return SK_DROP;
	}
	sent++;
	return SK_PASS;
}

SEC("sk_msg")
int refuse(struct sk_msg_md *message)
{
	refused++;
	return SK_DROP;
}

char LICENSE[] SEC("license") = "Apache-2.0";
