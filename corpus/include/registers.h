/* Where the second argument of a function lies in the registers that a kprobe is given. */
#pragma once

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
};
#define SECOND_ARGUMENT(registers) ((registers)->si)
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	unsigned long regs[31];
};
#define SECOND_ARGUMENT(registers) ((registers)->regs[1])
#else
#error "define __TARGET_ARCH_x86 or __TARGET_ARCH_arm64"
#endif
