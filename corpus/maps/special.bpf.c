/* Map types that hold devices, CPUs, sockets, groups and stacks: each with the sizes and without the types it takes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MAP(name, kind, key, value, entries)                \
	struct {                                            \
		__uint(type, BPF_MAP_TYPE_##kind);          \
		__uint(max_entries, entries);               \
		__uint(key_size, key);                      \
		__uint(value_size, value);                  \
	} name SEC(".maps")

MAP(devices, DEVMAP, 4, 4, 4);
MAP(device_hash, DEVMAP_HASH, 4, 8, 4);
MAP(cpus, CPUMAP, 4, 4, 1);
MAP(xdp_sockets, XSKMAP, 4, 4, 4);
MAP(sockets, SOCKMAP, 4, 4, 4);
MAP(socket_hash, SOCKHASH, 8, 4, 4);
MAP(groups, CGROUP_ARRAY, 4, 4, 2);
MAP(stacks, STACK_TRACE, 4, 16 * 8, 16);
MAP(per_cpu_events, PERF_EVENT_ARRAY, 4, 4, 0);
MAP(reuseport, REUSEPORT_SOCKARRAY, 4, 8, 4);

/* With types, which these kinds refuse: they are left out. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} typed_devices SEC(".maps");

SEC("xdp")
int redirect(struct xdp_md *context)
{
	return bpf_redirect_map(&devices, 0, XDP_PASS);
}

SEC("xdp")
int redirect_typed(struct xdp_md *context)
{
	return bpf_redirect_map(&typed_devices, 1, XDP_DROP);
}

char LICENSE[] SEC("license") = "GPL";
