/* Runs each time that a counter has counted its period: how often, whose, and how long the period was. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "registers.h"

/* The context: registers, then the period, and an address where the event has one (linux/bpf_perf_event.h). */
struct bpf_perf_event_data {
	struct pt_regs regs;
	__u64 sample_period;
	__u64 addr;
};

const volatile __u32 target_pid;

__u64 calls, others, period, cookie;

SEC("perf_event")
int on_sample(struct bpf_perf_event_data *context)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid) {
		others++;
		return 0;
	}
	calls++;
	period = context->sample_period;
	return 0;
}

SEC("?perf_event")
int with_cookie(struct bpf_perf_event_data *context)
{
	calls++;
	cookie = bpf_get_attach_cookie(context);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
