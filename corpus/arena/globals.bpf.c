/* Memory shared with user space by address: variables that start with a value, and pages on demand. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __arena __attribute__((address_space(1)))
#define __arena_data __attribute__((address_space(1), section(".addr_space.1")))
#define ANY_NODE (-1)

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 10);
} arena SEC(".maps");

extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *address, __u32 pages, int node,
					   __u64 flags) __ksym;
extern void bpf_arena_free_pages(void *map, void __arena *address, __u32 pages) __ksym;

int __arena_data seed = 41;
int __arena_data zeroed = 0;
__u64 __arena_data numbers[4] = { 1, 2, 3, 4 };

int first_seed, last_seed, sum, stored;

SEC("syscall")
int run(void *context)
{
	int __arena *page;

	/* The only way for the verifier to know which arena the casts are about. */
	page = bpf_arena_alloc_pages(&arena, 0, 1, ANY_NODE, 0);
	if (!page)
		return 1;
	page[7] = 77;
	stored = page[7];
	bpf_arena_free_pages(&arena, page, 1);

	first_seed = seed;
	seed += 1;
	last_seed = seed;
	sum = zeroed;
	for (int i = 0; i < 4; i++)
		sum += numbers[i];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
