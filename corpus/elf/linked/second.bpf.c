/* The other half of first.bpf.c. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} lent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} own_map SEC(".maps");

extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool CONFIG_BPF_SYSCALL __kconfig;

extern int input;

int borrowed = 40;
const volatile int borrowed_constant = 200;
int borrowed_sum;
int chosen_value = 20;
const volatile int limit __weak = 999;
int version_in_second;
_Bool bpf_syscall;

static volatile int calls = 2000;

static __noinline int own(int value)
{
	barrier_var(value);
	return value + 2;
}

int chosen(int value)
{
	barrier_var(value);
	return value + 20;
}

__weak int first_of_two(int value)
{
	barrier_var(value);
	return value + 900;
}

int hidden_here(int value);

int defined_there(int value)
{
	barrier_var(value);
	return own(value) + hidden_here(value);
}

__hidden int hidden_there(int value)
{
	barrier_var(value);
	return own(value) * 3;
}

SEC("socket")
int statics(struct __sk_buff *skb)
{
	calls++;
	version_in_second = LINUX_KERNEL_VERSION;
	bpf_syscall = CONFIG_BPF_SYSCALL;
	return calls + input;
}

SEC("socket")
int read_lent(struct __sk_buff *skb)
{
	__u32 key = 1, value;
	__u64 *found = bpf_map_lookup_elem(&lent, &key);

	if (!found)
		return -1;
	value = *found;
	bpf_map_update_elem(&own_map, &key, &value, BPF_ANY);
	return value;
}

char LICENSE[] SEC("license") = "Apache-2.0";
