/*
 * The raw tracepoint sched_switch tells the state that a task leaves in since 5.18 (fa2c3254d7cf);
 * before, it has to be read from the task, whose own member was renamed in 5.14.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "task.h"

#define TASK_INTERRUPTIBLE 1

struct task_struct___before_5_14 {
	volatile long state;
} __attribute__((preserve_access_index));

typedef void (*btf_trace_sched_switch)(void *, _Bool, struct task_struct *, struct task_struct *, unsigned int);

const volatile __u32 target_pid;

int told;
__u32 slept;

SEC("raw_tp/sched_switch")
int on_switch(__u64 *arguments)
{
	struct task_struct *previous = (void *)arguments[1];
	__u64 state;

	if (BPF_CORE_READ(previous, pid) != target_pid)
		return 0;
	told = bpf_core_type_matches(btf_trace_sched_switch);
	if (told)
		state = arguments[3];
	else if (bpf_core_field_exists(previous->__state))
		state = BPF_CORE_READ(previous, __state);
	else
		state = BPF_CORE_READ((struct task_struct___before_5_14 *)previous, state);
	if (state & TASK_INTERRUPTIBLE)
		slept++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
