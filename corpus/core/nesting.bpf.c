/* Anonymous structs and unions: a member is found by its name however deep the object or the kernel has it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define KERNEL __attribute__((preserve_access_index))

struct page___flat {
	void *mapping;
} KERNEL;

struct page___deep {
	long something;
	struct {
		union {
			struct {
				void *mapping;
			};
			long other;
		};
	};
} KERNEL;

struct mm_struct___flat {
	unsigned long arg_start;
} KERNEL;

struct mm_struct___deep {
	union {
		struct {
			unsigned long nothing[9];
			struct {
				unsigned long arg_start;
			};
		};
	};
} KERNEL;

struct task_struct___deep {
	union {
		struct {
			int tgid;
		};
	};
} KERNEL;

#define OFFSET(type, member) __builtin_preserve_field_info(((struct type *)0)->member, BPF_FIELD_BYTE_OFFSET)

__u32 flat_mapping, deep_mapping, flat_arg_start, deep_arg_start, deep_tgid;

SEC("socket")
int measure(struct __sk_buff *skb)
{
	flat_mapping = OFFSET(page___flat, mapping);
	deep_mapping = OFFSET(page___deep, mapping);
	flat_arg_start = OFFSET(mm_struct___flat, arg_start);
	deep_arg_start = OFFSET(mm_struct___deep, arg_start);
	deep_tgid = OFFSET(task_struct___deep, tgid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
