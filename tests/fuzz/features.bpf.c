/* What the reader has to know beyond the corpus; only read, never loaded. */
#define SECTION(name) __attribute__((section(name)))
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
#define __array(name, value) typeof(value) *name[]
#define core __attribute__((preserve_access_index))

typedef unsigned int u32;
typedef unsigned long long u64;
enum libbpf_tristate { TRI_NO, TRI_YES, TRI_MODULE };

extern int LINUX_KERNEL_VERSION SECTION(".kconfig");
extern enum libbpf_tristate CONFIG_BPF_SYSCALL SECTION(".kconfig") __attribute__((weak));
extern char CONFIG_CC_VERSION_TEXT[32] SECTION(".kconfig") __attribute__((weak));
extern int kfunc(int) SECTION(".ksyms") __attribute__((weak));
extern const void untyped SECTION(".ksyms");
extern const int typed SECTION(".ksyms");

struct inner { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u64); };
struct inner first SEC(".maps");
struct {
	__uint(type, 12); __uint(max_entries, 4); __type(key, u32); __array(values, struct inner);
} outer SEC(".maps") = { .values = { [1] = &first } };
struct {
	__uint(type, 1); __uint(max_entries, 4); __uint(key_size, 4); __uint(value_size, 8);
	__uint(map_flags, 1); __uint(numa_node, 0); __uint(pinning, 1);
} hash SEC(".maps");
struct { __uint(type, 33); __uint(max_entries, 4); __uint(map_flags, 1 << 10); } arena SEC(".maps");
int __attribute__((address_space(1))) in_arena SEC(".addr_space.1") = 5;

const volatile u32 limit = 7;
volatile u64 counter;
static volatile u32 quiet = 3;
int other SEC(".data.other") = 4;

enum kind { ONE, TWO = 5 };
enum wide { WIDE = 0x100000000ULL };
struct thing {
	int a; struct { long b[4]; }; int bits : 3; unsigned more : 7; enum kind kind; struct thing *next;
	union { int low; long all; }; float f; char end[];
} core;

struct ops { int (*call)(void *); int number; };
SEC("struct_ops/call") int call(void *context) { return 0; }
SEC(".struct_ops") struct ops ops = { .call = (void *)call, .number = 3 };
SEC("?.struct_ops.link") struct ops linked = { .call = (void *)call };

static void *(*lookup)(void *, const void *) = (void *)1;
static long (*loop)(u32, void *, void *, u64) = (void *)181;

__attribute__((noinline)) static int helper(struct thing *t) { return t->bits + t->b[2] + (int)quiet; }
__attribute__((noinline, visibility("hidden"))) int hidden(struct thing *t) { return helper(t) + t->more; }
static long callback(u32 index, void *context) { return hidden(context); }

SEC("raw_tp/x") int program(struct thing *t)
{
	u32 key = limit + LINUX_KERNEL_VERSION + CONFIG_BPF_SYSCALL + CONFIG_CC_VERSION_TEXT[1];

	counter += __builtin_preserve_enum_value(*(enum kind *)TWO, 1);
	counter += __builtin_preserve_enum_value(*(enum wide *)WIDE, 1);
	counter += __builtin_preserve_type_info(*(struct thing *)0, 0) + __builtin_btf_type_id(*(struct thing *)0, 1);
	counter += __builtin_preserve_field_info(t->bits, 4) + __builtin_preserve_field_info(t->more, 5);
	counter += __builtin_preserve_field_info(t->kind, 3) + __builtin_preserve_field_info(t->end, 2);
	if (kfunc)
		counter += kfunc(1);
	loop(3, callback, t, 0);
	return hidden(t) + t->a + !!lookup(&outer, &key) + !!lookup(&hash, &key) + typed + (long)&untyped + other
		+ t->next->low;
}

SEC("?raw_tp/y") int second(struct thing *t) { return helper(t->next); }
SEC("?raw_tp/y") int third(struct thing *t) { return t->end[3]; }

char license_text[] SEC("license") = "GPL";
u32 kernel_version SEC("version") = 0x60100;
