/* The few of the kernel's error numbers that libbpf's headers for programs use. */
#pragma once

#define ENOENT 2
#define ESRCH 3
#define EINVAL 22
