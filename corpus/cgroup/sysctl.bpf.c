/* A group may read sysctls, but not write `domainname`. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 reads, refused;

SEC("cgroup/sysctl")
int guard(struct bpf_sysctl *sysctl)
{
	char name[16] = {};

	bpf_sysctl_get_name(sysctl, name, sizeof(name), BPF_F_SYSCTL_BASE_NAME);
	if (name[0] != 'd' || name[6] != 'n' || name[9] != 'e' || name[10])
		return 1;
	if (!sysctl->write) {
		reads++;
		return 1;
	}
	refused++;
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
