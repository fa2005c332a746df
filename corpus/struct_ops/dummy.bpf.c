/* The kernel's struct for tests (5.16): its callbacks run on request, here without a state. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_dummy_ops_state {
	int val;
};

struct bpf_dummy_ops {
	int (*test_1)(struct bpf_dummy_ops_state *state);
};

__u32 runs;

SEC("struct_ops/test_1")
int count(__u64 *arguments)
{
	struct bpf_dummy_ops_state *state = (void *)arguments[0];

	runs++;
	return state ? state->val : 23;
}

SEC(".struct_ops")
struct bpf_dummy_ops ops = {
	.test_1 = (void *)count,
};

char LICENSE[] SEC("license") = "GPL";
