/* A library that checks attach probes to and call. It needs no other one. */
#include "usdt.h"

#define PROBED __attribute__((noinline, visibility("default")))

PROBED int probed_sum(int left, int right)
{
	return left + right;
}

PROBED const char *probed_text(const char *text)
{
	return text + 1;
}

PROBED int probed_many_one(int number)
{
	return number + 1;
}

PROBED int probed_many_two(int number)
{
	return number + 2;
}

PROBED int probed_many_three(int number)
{
	return number + 3;
}

/* Counters of those who listen: the kernel counts them up where a probe refers to them. */
unsigned short probed_counter __attribute__((section(".probes"), visibility("default")));
unsigned short bpflab_guarded_semaphore __attribute__((section(".probes"), visibility("hidden")));

/* Two versions of one function, as libraries have that change: the second is the default. */
PROBED int probed_version_1(void)
{
	return 1;
}

PROBED int probed_version_2(void)
{
	return 2;
}

__asm__(".symver probed_version_1, probed_version@BPFLAB_1");
__asm__(".symver probed_version_2, probed_version@@BPFLAB_2");

/* One probe at two places, its arguments elsewhere at each. */
#if defined(__x86_64__)
PROBED void probed_fire(long number, const int *numbers)
{
	__asm__ volatile(USDT_PROBE("fire", "-4@$-7 8@%%rdi -4@4(%%rsi) 1@%%dil") : : "D"(number), "S"(numbers) : "memory");
}

PROBED void probed_fire_again(long number, const int *numbers)
{
	__asm__ volatile(USDT_PROBE("fire", "-4@$-8 8@%%rax -4@(%%rdx) 2@%%ax") : : "a"(number), "d"(numbers) : "memory");
}

PROBED void probed_scaled(const short *numbers, long index)
{
	__asm__ volatile(USDT_PROBE("scaled", "-2@2(%%rbx,%%rcx,2)") : : "b"(numbers), "c"(index) : "memory");
}

/* With a nop of five bytes behind that of one, for which newer kernels put a call. */
PROBED void probed_quick(long number)
{
	__asm__ volatile(USDT_PROBE_AT("nop\n.byte 0x0f, 0x1f, 0x44, 0, 0", "bpflab", "quick", 0, "8@%%rdi")
			 :
			 : "D"(number));
}

PROBED int probed_guarded(long number)
{
	if (!*(volatile unsigned short *)&bpflab_guarded_semaphore)
		return 0;
	__asm__ volatile(USDT_PROBE_AT("nop", "bpflab", "guarded", bpflab_guarded_semaphore, "8@%%rdi") : : "D"(number));
	return 1;
}
#elif defined(__aarch64__)
PROBED void probed_fire(long number, const int *numbers)
{
	register long x0 __asm__("x0") = number;
	register const int *x1 __asm__("x1") = numbers;

	__asm__ volatile(USDT_PROBE("fire", "-4@-7 8@x0 -4@[x1, 4] 1@x0") : : "r"(x0), "r"(x1) : "memory");
}

PROBED void probed_fire_again(long number, const int *numbers)
{
	register long x2 __asm__("x2") = number;
	register const int *x3 __asm__("x3") = numbers;

	__asm__ volatile(USDT_PROBE("fire", "-4@-8 8@x2 -4@[x3] 2@x2") : : "r"(x2), "r"(x3) : "memory");
}

PROBED int probed_guarded(long number)
{
	register long x0 __asm__("x0") = number;

	if (!*(volatile unsigned short *)&bpflab_guarded_semaphore)
		return 0;
	__asm__ volatile(USDT_PROBE_AT("nop", "bpflab", "guarded", bpflab_guarded_semaphore, "8@x0") : : "r"(x0));
	return 1;
}
#else
#error "no probes are written for this machine yet"
#endif
