/* Counts packets of an IPv6 segment; drops those whose segment routing header has the tag 'D'. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define TAG 46 /* IPv6 header, then the tag in the segment routing header */

__u64 passed, dropped;

SEC("lwt_seg6local")
int segment(struct __sk_buff *skb)
{
	__be16 tag;

	if (bpf_skb_load_bytes(skb, TAG, &tag, sizeof(tag)))
		return BPF_DROP;
	if (tag == bpf_htons('D')) {
		dropped++;
		return BPF_DROP;
	}
	passed++;
	return BPF_OK;
}

char LICENSE[] SEC("license") = "Apache-2.0";
