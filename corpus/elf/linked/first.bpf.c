/* Linked statically with second.bpf.c: each source calls, reads and fills what only the other one has. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} lent SEC(".maps");

extern int LINUX_KERNEL_VERSION __kconfig;
/* Weak here and strong in the other source: strong. */
extern _Bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern int CONFIG_OF_NO_KERNEL __kconfig __weak;

int input = 3;
int version_in_first, of_no_kernel = 1;
/* The other source defines it strongly. */
int chosen_value __weak = 10;
/* Weak in both: the first one counts. */
const volatile int limit __weak = 100;

extern int borrowed;
extern const int borrowed_constant;
extern int borrowed_sum;

/* Both sources have statics of these names, each its own. */
static volatile int calls = 1000;

static __noinline int own(int value)
{
	barrier_var(value);
	return value + 1;
}

/* The other source overrides it: no code of this one may run. */
__weak int chosen(int value)
{
	barrier_var(value);
	return value + 10;
}

__weak int first_of_two(int value)
{
	barrier_var(value);
	return value + 100;
}

__hidden int hidden_here(int value)
{
	barrier_var(value);
	return own(value) * 2;
}

int defined_there(int value);
int hidden_there(int value);

SEC("socket")
int functions(struct __sk_buff *skb)
{
	/* second: own() adds 2 and hidden_there() triples that; chosen() adds 20 */
	return defined_there(input) + hidden_there(input) * 100 + chosen(input) * 10000 +
	       first_of_two(input) * 1000000;
}

SEC("socket")
int variables(struct __sk_buff *skb)
{
	calls++;
	borrowed++;
	borrowed_sum = borrowed + borrowed_constant + chosen_value + limit;
	version_in_first = LINUX_KERNEL_VERSION;
	of_no_kernel = CONFIG_OF_NO_KERNEL;
	return calls;
}

SEC("socket")
int maps(struct __sk_buff *skb)
{
	__u64 value = 7;
	__u32 key = 1;

	return bpf_map_update_elem(&lent, &key, &value, BPF_ANY);
}

char LICENSE[] SEC("license") = "Apache-2.0";
