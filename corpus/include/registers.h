/* Where a function's arguments and its result lie in the registers that a probe is given. */
#pragma once

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};
#define FIRST_ARGUMENT(registers) ((registers)->di)
#define SECOND_ARGUMENT(registers) ((registers)->si)
#define THIRD_ARGUMENT(registers) ((registers)->dx)
#define FOURTH_ARGUMENT(registers) ((registers)->cx)
#define RETURN_VALUE(registers) ((registers)->ax)
#define PLACE(registers) ((registers)->ip)
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	unsigned long regs[31];
	unsigned long sp, pc, pstate;
};
#define FIRST_ARGUMENT(registers) ((registers)->regs[0])
#define SECOND_ARGUMENT(registers) ((registers)->regs[1])
#define THIRD_ARGUMENT(registers) ((registers)->regs[2])
#define FOURTH_ARGUMENT(registers) ((registers)->regs[3])
#define RETURN_VALUE(registers) ((registers)->regs[0])
#define PLACE(registers) ((registers)->pc)
#else
#error "define __TARGET_ARCH_x86 or __TARGET_ARCH_arm64"
#endif
