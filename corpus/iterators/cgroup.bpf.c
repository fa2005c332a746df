/* Writes the IDs of control groups in the order of the walk. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "iterator.h"

struct kernfs_node {
	__u64 id;
} __attribute__((preserve_access_index));

struct cgroup {
	struct kernfs_node *kn;
} __attribute__((preserve_access_index));

struct bpf_iter__cgroup {
	struct bpf_iter_meta *meta;
	struct cgroup *cgroup;
};

SEC("iter/cgroup")
int walk(struct bpf_iter__cgroup *context)
{
	__u64 id;

	if (!context->cgroup)
		return 0;
	id = context->cgroup->kn->id;
	put(context->meta, id);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
