/* Sends events of `size` bytes, which begin with the time, to ring buffers and a perf event array. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define LARGEST 1500

/* What an event of 64 bytes may be read as. */
struct record {
	__u64 time;
	__u32 pid, cpu, flags, length;
	__s64 balance;
	__u8 name[16];
	__u64 from, to;
};

struct event {
	__u64 time;
	__u8 payload[LARGEST - sizeof(__u64)];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

/* Holds all the events of a round, however late they are read. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} wide_ring SEC(".maps");

/* Is full before anybody has read anything. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} narrow_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} perf SEC(".maps");

const volatile __u32 size = 64; /* 8 … LARGEST */
struct event event;
struct record unread; /* for its type */

static __always_inline __u32 stamp(void)
{
	event.time = bpf_ktime_get_ns();
	return size < sizeof(__u64) || size > LARGEST ? sizeof(__u64) : size;
}

SEC("tc")
int emit_ring(struct __sk_buff *skb)
{
	return bpf_ringbuf_output(&ring, &event, stamp(), 0);
}

SEC("tc")
int emit_wide(struct __sk_buff *skb)
{
	return bpf_ringbuf_output(&wide_ring, &event, stamp(), 0);
}

SEC("tc")
int emit_narrow(struct __sk_buff *skb)
{
	return bpf_ringbuf_output(&narrow_ring, &event, stamp(), 0);
}

SEC("tc")
int emit_perf(struct __sk_buff *skb)
{
	return bpf_perf_event_output(skb, &perf, BPF_F_CURRENT_CPU, &event, stamp());
}

char LICENSE[] SEC("license") = "GPL";
