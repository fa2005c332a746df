/* Keys and values of many types, written by a program for user space to read, and the other way round. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum state { IDLE, BUSY = 7 };

struct flow {
	__u32 source;
	__u16 port;
	char device[10];
};

struct seen {
	__u64 packets;
	struct {
		__u32 least, most;
	} size;
	__u16 last[4];
	enum state state;
	__u32 urgent : 1;
	__s32 level : 7;
	union {
		__u32 word;
		__u8 bytes[4];
	};
	_Bool known;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct flow);
	__type(value, struct seen);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, enum state);
	__type(value, struct seen);
} states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} mapped SEC(".maps");

struct seen last = { .packets = 1, .last = { 1, 2, 3, 4 }, .state = BUSY, .known = 1 };
char name[16] = "before";
const volatile enum state wanted = IDLE;

SEC("tc")
int note(struct __sk_buff *skb)
{
	struct flow flow = { 0x0a000001, 443, "eth0" };
	struct seen *seen = bpf_map_lookup_elem(&flows, &flow);
	__u32 place = 3, zero = 0, *number = bpf_map_lookup_elem(&mapped, &place);

	if (number)
		*number += 1;
	if (!seen)
		return -1;
	seen->packets++;
	seen->size.most = skb->len;
	seen->last[2] = 33;
	seen->state = wanted;
	seen->urgent = 1;
	seen->level = -5;
	seen->word = 0x01020304;
	last = *seen;
	name[0] = 'B';
	seen = bpf_map_lookup_elem(&states, &zero);
	if (seen)
		seen->packets += 5;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
