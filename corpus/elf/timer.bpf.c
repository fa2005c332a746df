/* A function pointer that goes into a map: a timer's callback (5.15). The map's value needs its type in the kernel. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define CLOCK_MONOTONIC 1

struct element {
	__u64 fired;
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct element);
} timers SEC(".maps");

__u64 fired;

static int on_time(void *map, __u32 *key, struct element *element)
{
	fired++;
	return 0;
}

SEC("tc")
int start(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct element *element = bpf_map_lookup_elem(&timers, &zero);

	if (!element)
		return 1;
	if (bpf_timer_init(&element->timer, &timers, CLOCK_MONOTONIC))
		return 2;
	if (bpf_timer_set_callback(&element->timer, on_time))
		return 3;
	return bpf_timer_start(&element->timer, 1000, 0) ? 4 : 0;
}

char LICENSE[] SEC("license") = "GPL";
