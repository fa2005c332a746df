/* An arena at an address of the object's choice. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __arena __attribute__((address_space(1)))
#define ANY_NODE (-1)

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__ulong(map_extra, 1ull << 44);
} arena SEC(".maps");

extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *address, __u32 pages, int node,
					   __u64 flags) __ksym;

__u64 address;

SEC("syscall")
int run(void *context)
{
	__u64 __arena *page = bpf_arena_alloc_pages(&arena, (void __arena *)(1ull << 44), 1, ANY_NODE, 0);

	if (!page)
		return 1;
	page[0] = (__u64)page;
	address = page[0];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
