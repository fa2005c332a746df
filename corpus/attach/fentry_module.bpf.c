/* The argument of a function of a module: a packet that goes into one end of a veth pair. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sk_buff {
	unsigned int len;
	unsigned short protocol;
} __attribute__((preserve_access_index));

/* Of the lab's own ethertype (frame.h), in network byte order. */
#define PROTOCOL __builtin_bswap16(0x88b5)

__u64 calls;
__u32 length;

SEC("fentry/veth:veth_xmit")
int on_send(__u64 *arguments)
{
	struct sk_buff *packet = (void *)arguments[0];

	if (packet->protocol != PROTOCOL)
		return 0;
	calls++;
	length = packet->len;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
