// One object with what the verbs of the subject protocol need.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 threshold = 7;
__u32 initial = 0x11223344;
__u64 count;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1024);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 2);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} jumps SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} inside SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__type(key, __u32);
	__uint(max_entries, 1);
	__array(values, struct inner);
} outside SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
} perf SEC(".maps");

SEC("socket")
int filter(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&count, 1);
	return threshold;
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&count, 1);
	return XDP_PASS;
}

SEC("tc")
int classify(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&count, 1);
	return 0;
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&count, 1);
	return 1;
}

SEC("xdp")
int emit(struct xdp_md *ctx)
{
	__u64 event[2] = { 0x1122334455667788, count };

	// Its result is not used: an atomic fetch needs 5.12.
	__sync_fetch_and_add(&count, 1);
	return bpf_ringbuf_output(&ring, event, sizeof(event), 0) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp")
int emit_perf(struct xdp_md *ctx)
{
	__u32 event = 0xcafe;

	return bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &event, sizeof(event)) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp")
int jump(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &jumps, 0);
	return XDP_DROP;
}

SEC("xdp")
int landing(struct xdp_md *ctx)
{
	return XDP_TX;
}

SEC("xdp")
int read_inside(struct xdp_md *ctx)
{
	__u32 key = 0, *value;
	void *map = bpf_map_lookup_elem(&outside, &key);

	if (!map)
		return -1;
	value = bpf_map_lookup_elem(map, &key);
	return value ? *value : -2;
}

SEC("?xdp")
int optional(struct xdp_md *ctx)
{
	return XDP_PASS;
}
