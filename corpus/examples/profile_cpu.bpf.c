/* Counts the stacks that a clock of each CPU finds. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define DEPTH 32

struct bpf_perf_event_data;

struct place {
	__u32 pid;
	__s32 user_stack;
	__s32 kernel_stack;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 4096);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, DEPTH * sizeof(__u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct place);
	__type(value, __u64);
} samples SEC(".maps");

SEC("perf_event")
int on_tick(struct bpf_perf_event_data *context)
{
	struct place place = { .pid = bpf_get_current_pid_tgid() >> 32 };
	__u64 one = 1, *samples_here;

	if (!place.pid)
		return 0; /* the idle task */
	bpf_get_current_comm(place.comm, sizeof(place.comm));
	place.user_stack = bpf_get_stackid(context, &stacks, BPF_F_USER_STACK);
	place.kernel_stack = bpf_get_stackid(context, &stacks, 0);
	samples_here = bpf_map_lookup_elem(&samples, &place);
	if (samples_here)
		*samples_here += 1;
	else
		bpf_map_update_elem(&samples, &place, &one, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
