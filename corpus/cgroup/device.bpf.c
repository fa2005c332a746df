/* A group may not open /dev/full. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 denied;

SEC("cgroup/dev")
int guard(struct bpf_cgroup_dev_ctx *device)
{
	if ((device->access_type & 0xffff) != BPF_DEVCG_DEV_CHAR || device->major != 1 || device->minor != 7)
		return 1;
	denied++;
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
