/*
 * Functions that a kernel may lack: what is called depends on what is there. The same
 * function goes by two flavours here, and one of them asks for other arguments than it takes.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sk_buff {
	unsigned int len;
} __attribute__((preserve_access_index));

extern void *bpf_cast_to_kern_ctx___ours(void *context) __ksym __weak;
extern void *bpf_cast_to_kern_ctx___imagined(void *context, int more) __ksym __weak;
extern void function_of_no_kernel(void) __ksym __weak;

__u32 ours, imagined = 1, of_no_kernel = 1, kernel_length;

SEC("tc")
int choose(struct __sk_buff *packet)
{
	ours = bpf_ksym_exists(bpf_cast_to_kern_ctx___ours);
	imagined = bpf_ksym_exists(bpf_cast_to_kern_ctx___imagined);
	of_no_kernel = bpf_ksym_exists(function_of_no_kernel);
	if (bpf_ksym_exists(function_of_no_kernel))
		function_of_no_kernel();
	if (bpf_ksym_exists(bpf_cast_to_kern_ctx___ours)) {
		struct sk_buff *skb = bpf_cast_to_kern_ctx___ours(packet);

		kernel_length = skb->len;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
