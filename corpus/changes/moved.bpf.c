/*
 * Members and types that came, went and moved between 5.10 and 7.2: whether each is there, where, how large.
 * The check compares with the kernel's own types.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct found {
	__u32 exists, offset, size;
};

#define FIND(result, type, member)                                              \
	do {                                                                    \
		if (bpf_core_field_exists(type, member)) {                      \
			result.exists = 1;                                      \
			result.offset = bpf_core_field_offset(type, member);    \
			result.size = bpf_core_field_size(type, member);        \
		}                                                               \
	} while (0)

#define KERNEL __attribute__((preserve_access_index))

/* mm_struct.mmap, a list of areas, gave way to a maple tree in 6.1 (763ecb035029). */
struct maple_tree {
	unsigned int ma_flags;
} KERNEL;
struct mm_struct {
	void *mmap;
	struct maple_tree mm_mt;
	unsigned long start_code;
} KERNEL;

/* module.core_layout and init_layout became mem[] in 6.4 (ac3b43283923). */
struct module_layout {
	unsigned int size;
} KERNEL;
struct module_memory {
	unsigned int size;
} KERNEL;
struct module {
	struct module_layout core_layout;
	struct module_memory mem[7];
} KERNEL;

/* request.rq_disk went in 5.17 (f3fa33acca9f); the disk is behind the queue since 5.15. */
struct request_queue {
	void *disk;
} KERNEL;
struct request {
	struct request_queue *q;
	void *rq_disk;
} KERNEL;

/* What slab pages keep moved from struct page to struct slab in 5.17 (d122019bf061). */
struct page {
	unsigned long flags;
	void *slab_cache;
	void *mapping;
} KERNEL;
struct slab {
	void *slab_cache;
} KERNEL;

/* super_block.s_shrink: embedded, then a pointer since 6.7 (1720f5dd8cbe). */
struct shrinker {
	int seeks;
} KERNEL;
struct super_block {
	struct shrinker s_shrink;
} KERNEL;
struct super_block___since_6_7 {
	struct shrinker *s_shrink;
} KERNEL;

/* bpf_map.memory, the accounting of locked memory, went in 5.11 (80ee81e0403c). */
struct bpf_map_memory {
	__u32 pages;
} KERNEL;
struct bpf_map {
	__u32 max_entries;
	struct bpf_map_memory memory;
} KERNEL;

/* Members that are new in one of the kernels between. */
struct signal_struct {
	int quick_threads; /* 5.16 */
} KERNEL;
struct trace_event_raw_sched_wakeup_template {
	int success; /* until 5.13 */
	int target_cpu;
} KERNEL;

struct found vma_list, maple_tree, start_code;
struct found core_layout, module_memory;
struct found rq_disk, queue_disk;
struct found page_slab_cache, slab_slab_cache, page_mapping;
struct found shrinker, shrinker_pointer;
struct found map_memory, map_max_entries;
struct found quick_threads, wakeup_success, wakeup_target_cpu;

SEC("socket")
int find(struct __sk_buff *skb)
{
	FIND(vma_list, struct mm_struct, mmap);
	FIND(maple_tree, struct mm_struct, mm_mt);
	FIND(start_code, struct mm_struct, start_code);
	FIND(core_layout, struct module, core_layout);
	FIND(module_memory, struct module, mem);
	FIND(rq_disk, struct request, rq_disk);
	FIND(queue_disk, struct request_queue, disk);
	FIND(page_slab_cache, struct page, slab_cache);
	FIND(slab_slab_cache, struct slab, slab_cache);
	FIND(page_mapping, struct page, mapping);
	FIND(shrinker, struct super_block, s_shrink);
	FIND(shrinker_pointer, struct super_block___since_6_7, s_shrink);
	FIND(map_memory, struct bpf_map, memory);
	FIND(map_max_entries, struct bpf_map, max_entries);
	FIND(quick_threads, struct signal_struct, quick_threads);
	FIND(wakeup_success, struct trace_event_raw_sched_wakeup_template, success);
	FIND(wakeup_target_cpu, struct trace_event_raw_sched_wakeup_template, target_cpu);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
