/* IP_TOS of a group's sockets: 4 is refused, 8 becomes 16, and all that is read has bit 2 set. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SOL_IP 0
#define IP_TOS 1

__u64 refused;

SEC("cgroup/setsockopt")
int set(struct bpf_sockopt *option)
{
	__u8 *value = option->optval;

	if (option->level != SOL_IP || option->optname != IP_TOS || value + 1 > (__u8 *)option->optval_end)
		return 1;
	if (*value == 4) {
		refused++;
		return 0;
	}
	if (*value == 8)
		*value = 16;
	return 1;
}

SEC("cgroup/getsockopt")
int get(struct bpf_sockopt *option)
{
	__u8 *value = option->optval;

	if (option->level == SOL_IP && option->optname == IP_TOS && value + 1 <= (__u8 *)option->optval_end)
		*value |= 4;
	return 1;
}

char LICENSE[] SEC("license") = "Apache-2.0";
