/* Writes the names of the kernel's slab caches. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "iterator.h"

struct kmem_cache {
	const char *name;
} __attribute__((preserve_access_index));

struct bpf_iter__kmem_cache {
	struct bpf_iter_meta *meta;
	struct kmem_cache *s;
};

SEC("iter/kmem_cache")
int dump(struct bpf_iter__kmem_cache *context)
{
	char name[32] = {};

	if (!context->s)
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name), context->s->name);
	put(context->meta, name);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
