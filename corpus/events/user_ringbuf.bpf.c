/* Drains a user ring buffer, and sends what it finds there on through a ring buffer of the kernel's. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define LARGEST 64 /* a power of two; orders are smaller */

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} orders SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

struct passed {
	__u32 size;
	__u8 bytes[LARGEST];
};

__s64 drained;

static long pass_on(struct bpf_dynptr *order, void *context)
{
	struct passed *passed = bpf_ringbuf_reserve(&events, sizeof(*passed), 0);
	__u32 size = 0;
	__u64 bounded;

	if (!passed)
		return 1;
	/* An order begins with the number of its bytes. */
	__builtin_memset(passed, 0, sizeof(*passed));
	bpf_dynptr_read(&size, sizeof(size), order, 0, 0);
	passed->size = size;
	bounded = size;
	/* In assembly, or the compiler bounds another register than the one that verifiers look at. */
	asm volatile("%0 &= %1" : "+r"(bounded) : "i"(LARGEST - 1));
	bpf_dynptr_read(passed->bytes, bounded, order, sizeof(size), 0);
	bpf_ringbuf_submit(passed, 0);
	return 0;
}

SEC("tc")
int drain(struct __sk_buff *skb)
{
	drained = bpf_user_ringbuf_drain(&orders, pass_on, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
