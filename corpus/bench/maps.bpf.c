/* Maps of several kinds and sizes to look values up in. No program uses them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define TABLE(name, map_type, entries, flags)  \
	struct {                               \
		__uint(type, map_type);        \
		__uint(max_entries, entries);  \
		__uint(map_flags, flags);      \
		__type(key, __u32);            \
		__type(value, __u64);          \
	} name SEC(".maps")

TABLE(hash_1k, BPF_MAP_TYPE_HASH, 1024, 0);
TABLE(hash_100k, BPF_MAP_TYPE_HASH, 131072, BPF_F_NO_PREALLOC);
TABLE(array, BPF_MAP_TYPE_ARRAY, 4096, BPF_F_MMAPABLE);
TABLE(per_cpu, BPF_MAP_TYPE_PERCPU_HASH, 1024, 0);
/* Larger than what is put into it, so that nothing is evicted. */
TABLE(lru, BPF_MAP_TYPE_LRU_HASH, 16384, 0);

struct prefix {
	__u32 length;
	__u32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u64);
} lpm SEC(".maps");

char LICENSE[] SEC("license") = "Apache-2.0";
