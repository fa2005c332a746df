/* Variables of many types, sizes and alignments: structs, arrays of them, booleans, signed numbers, padding. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct entry {
	__u8 small;
	__s16 negative;
	__s64 large;
	char name[6];
};

const volatile struct entry limit = { 1, -2, -3000000000, "limit" };
struct entry entries[2] = { { 4, -5, 6, "first" }, { 7, -8, 9, "second" } };
_Bool yes = 1, no;
__s8 minus = -7;
__u16 table[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
enum colour { RED = 1, BLUE = 2 } colour = BLUE;
__u8 lonely = 9;
__u64 aligned __attribute__((aligned(64))) = 11;
char text[] = "changed";

__u32 row = 1, column = 2;

SEC("socket")
int change(struct __sk_buff *skb)
{
	__u32 at = row, across = column;

	if (at > 1 || across > 2)
		return -1;
	entries[1].large += limit.large;
	entries[1].negative += limit.negative;
	entries[1].name[0] = limit.name[0];
	no = yes;
	minus += limit.small;
	table[at][across] += 100;
	colour = RED;
	aligned += lonely;
	text[0] = 'C';
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
