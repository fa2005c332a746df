/* Wherever a group's Unix sockets name an address, they get `to` (abstract, so its first byte is 0). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_sock_addr_kern {
} __attribute__((preserve_access_index));

extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym;
extern int bpf_sock_addr_set_sun_path(struct bpf_sock_addr_kern *address, const __u8 *path,
				      __u32 length) __ksym;

#define LENGTH 16

const volatile __u8 to[LENGTH];

__u64 changed;

#define CHANGES(hook)                                                                      \
	SEC("cgroup/" #hook "_unix") int hook(struct bpf_sock_addr *address)               \
	{                                                                                  \
		struct bpf_sock_addr_kern *kernel = bpf_cast_to_kern_ctx(address);         \
		__u8 path[LENGTH];                                                         \
		int i;                                                                     \
		for (i = 0; i < LENGTH; i++)                                               \
			path[i] = to[i];                                                   \
		if (!bpf_sock_addr_set_sun_path(kernel, path, LENGTH))                     \
			changed++;                                                         \
		return 1;                                                                  \
	}

CHANGES(connect)
CHANGES(sendmsg)
CHANGES(recvmsg)
CHANGES(getpeername)
CHANGES(getsockname)

char LICENSE[] SEC("license") = "GPL";
