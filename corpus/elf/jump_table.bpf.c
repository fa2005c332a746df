/*
 * Indirect jumps (gotox) by tables of places, in a program and in a subprogram. Written in assembly, as only
 * clang 22 makes them of a switch, and only with -mcpu=v4.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int input = 3;

/* Jumps to .Lname_N for an N of 0...3 in r1, else to .Lname_default. Places count from the section's start. */
#define JUMP(name, first)                                                       \
	"if r1 > 3 goto .L" name "_default;"                                    \
	"r1 <<= 3;"                                                             \
	"r2 = " name "_table ll;"                                               \
	"r2 += r1;"                                                             \
	"r1 = *(u64 *)(r2 + 0);"                                                \
	".8byte 0x010d;" /* gotox r1 */                                         \
	".pushsection .jumptables, \"\", @progbits;"                            \
	".globl " name "_table; .type " name "_table, @object;"                 \
	".size " name "_table, 32;"                                             \
	name "_table:"                                                          \
	".8byte .L" name "_0 - " first "; .8byte .L" name "_1 - " first ";"     \
	".8byte .L" name "_2 - " first "; .8byte .L" name "_0 - " first ";"     \
	".popsection;"

#define CASE(name, number, value) ".L" name "_" number ": r0 = " value "; exit;"

static __attribute__((naked, used)) void first_in_text(void)
{
	asm volatile("exit;");
}

__noinline int pick(int value)
{
	int otherwise = 400;

	/* That the cases end the function is hidden from the compiler, which must not know its result. */
	barrier_var(otherwise);
	asm volatile("r1 = %[value]; r1 <<= 32; r1 >>= 32;" JUMP("pick", "first_in_text")
		     CASE("pick", "0", "100") CASE("pick", "1", "200") CASE("pick", "2", "300")
		     ".Lpick_default:"
		     :: [value] "r"(value) : "r0", "r1", "r2");
	return otherwise;
}

SEC("syscall")
int jump(void *ctx)
{
	asm volatile("r1 = %[value];" JUMP("jump", "jump")
		     CASE("jump", "0", "11")
		     ".Ljump_1: r1 = 2; call pick; exit;"
		     CASE("jump", "2", "33")
		     ".Ljump_default:"
		     :: [value] "r"((__u64)input) : "r0", "r1", "r2");
	return 5;
}

SEC("syscall")
int call(void *ctx)
{
	return pick(input);
}

char LICENSE[] SEC("license") = "Apache-2.0";
