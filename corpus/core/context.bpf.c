/* A program's context relocated like any struct of the kernel: members in another order, some missing. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct __sk_buff___mine {
	__u32 priority;
	__u32 cb[5];
	__u32 mark;
	__u32 imagined;
	__u32 len;
} __attribute__((preserve_access_index));

__u32 length, mark, priority, third, imagined = 1;

SEC("tc")
int look(struct __sk_buff___mine *skb)
{
	length = skb->len;
	skb->mark = 7;
	skb->priority = 8;
	skb->cb[2] = 9;
	mark = ((struct __sk_buff *)skb)->mark;
	priority = ((struct __sk_buff *)skb)->priority;
	third = ((struct __sk_buff *)skb)->cb[2];
	imagined = bpf_core_field_exists(skb->imagined) ? skb->imagined : 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
