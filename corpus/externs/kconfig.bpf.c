/* The kernel's configuration as constants: every kind of option, and what LINUX_* names tell. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern _Bool CONFIG_BPF_SYSCALL __kconfig;
extern char CONFIG_NET __kconfig;
extern enum libbpf_tristate CONFIG_INET __kconfig;
extern enum libbpf_tristate CONFIG_VETH __kconfig __weak;
extern enum libbpf_tristate CONFIG_OF_NO_KERNEL __kconfig __weak;
extern __u16 CONFIG_HZ __kconfig;
extern int CONFIG_NR_CPUS __kconfig;
extern __u64 CONFIG_ILLEGAL_POINTER_VALUE __kconfig;
extern char CONFIG_DEFAULT_TCP_CONG[16] __kconfig;
extern char CONFIG_CC_VERSION_TEXT[8] __kconfig;
extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;
extern _Bool LINUX_HAS_BPF_COOKIE __kconfig;
extern int LINUX_OF_NO_LOADER __kconfig __weak;

__u8 bpf_syscall, net;
__u32 inet, veth, of_no_kernel = 1, hz, nr_cpus, kernel_version, of_no_loader = 1;
__u64 illegal_pointer;
char tcp_cong[16], compiler[8];
__u8 syscall_wrapper, bpf_cookie;

/* Refused wherever it is reached: no kernel has a helper of this number. */
static long (*no_helper)(void) = (void *)9999;

SEC("socket")
int copy(struct __sk_buff *packet)
{
	/* Dead code, if the verifier knows that the value is a constant. */
	if (!CONFIG_BPF_SYSCALL)
		return no_helper();
	bpf_syscall = CONFIG_BPF_SYSCALL;
	net = CONFIG_NET;
	inet = CONFIG_INET;
	veth = CONFIG_VETH;
	of_no_kernel = CONFIG_OF_NO_KERNEL;
	hz = CONFIG_HZ;
	nr_cpus = CONFIG_NR_CPUS;
	illegal_pointer = CONFIG_ILLEGAL_POINTER_VALUE;
	kernel_version = LINUX_KERNEL_VERSION;
	syscall_wrapper = LINUX_HAS_SYSCALL_WRAPPER;
	bpf_cookie = LINUX_HAS_BPF_COOKIE;
	of_no_loader = LINUX_OF_NO_LOADER;
	for (int i = 0; i < sizeof(tcp_cong); i++)
		tcp_cong[i] = CONFIG_DEFAULT_TCP_CONG[i];
	for (int i = 0; i < sizeof(compiler); i++)
		compiler[i] = CONFIG_CC_VERSION_TEXT[i];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
