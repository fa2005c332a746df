/* Programs that leave a trace of the order in which they ran: the digits of a number. */
#pragma once

#include <linux/types.h>

__u64 order;

static __attribute__((always_inline)) inline void ran(int digit)
{
	order = order * 10 + digit;
}
