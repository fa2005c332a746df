/*
 * Values of enums: moved, negative, of 64 bits. The object's are wrong on purpose. Kernels whose BTF has no 64-bit
 * enums (before 6.0) keep the lower half of a value, with its sign.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

enum cgroup_subsys_id {
	memory_cgrp_id = 77,
	misc_cgrp_id = 78, /* new in 5.13 */
	CGROUP_SUBSYS_COUNT = 79,
};

enum perf_event_state {
	PERF_EVENT_STATE_DEAD = 5,
	PERF_EVENT_STATE_ACTIVE = 6,
};

enum perf_callchain_context {
	PERF_CONTEXT_USER = 0x123456789abcdef0ULL,
	PERF_CONTEXT_IMAGINED = 1,
};

/* The same, but of 32 bits in the object. */
enum perf_callchain_context___narrow {
	PERF_CONTEXT_KERNEL___narrow = 1,
};

__s64 memory, misc, controllers, dead, active, user, narrow;
__u32 misc_exists, user_exists, imagined_exists;

SEC("socket")
int resolve(struct __sk_buff *skb)
{
	memory = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	controllers = bpf_core_enum_value(enum cgroup_subsys_id, CGROUP_SUBSYS_COUNT);
	misc_exists = bpf_core_enum_value_exists(enum cgroup_subsys_id, misc_cgrp_id);
	if (misc_exists)
		misc = bpf_core_enum_value(enum cgroup_subsys_id, misc_cgrp_id);
	dead = bpf_core_enum_value(enum perf_event_state, PERF_EVENT_STATE_DEAD);
	active = bpf_core_enum_value(enum perf_event_state, PERF_EVENT_STATE_ACTIVE);
	user = bpf_core_enum_value(enum perf_callchain_context, PERF_CONTEXT_USER);
	narrow = bpf_core_enum_value(enum perf_callchain_context___narrow, PERF_CONTEXT_KERNEL___narrow);
	user_exists = bpf_core_enum_value_exists(enum perf_callchain_context, PERF_CONTEXT_USER);
	imagined_exists = bpf_core_enum_value_exists(enum perf_callchain_context, PERF_CONTEXT_IMAGINED);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
