/* The members of the kernel's task_struct that the corpus reads, wherever a kernel keeps them. */
#pragma once

#include <linux/types.h>

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	struct task_struct *real_parent;
	unsigned int __state;
} __attribute__((preserve_access_index));
