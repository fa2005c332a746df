/* How a program gets at a USDT probe's arguments: the loader says where they are, in a map of specs. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "registers.h"

#define MAX_ARGUMENTS 12

enum argument_kind {
	ARGUMENT_CONSTANT,
	ARGUMENT_REGISTER,
	ARGUMENT_MEMORY,
};

/* Names and places of the members are what loaders go by: this is the struct as libbpf had it up to 1.6. */
struct argument_spec {
	__u64 val_off;
	enum argument_kind arg_type;
	short reg_off;
	_Bool arg_signed;
	char arg_bitshift;
};

struct probe_spec {
	struct argument_spec args[MAX_ARGUMENTS];
	__u64 usdt_cookie;
	short arg_cnt;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, int);
	__type(value, struct probe_spec);
} __bpf_usdt_specs SEC(".maps");

/* Before there were cookies: address of the probe → its number in the map of specs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, long);
	__type(value, __u32);
} __bpf_usdt_ip_to_spec_id SEC(".maps");

extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;

static struct probe_spec *probe_spec(struct pt_regs *registers)
{
	long address = PLACE(registers);
	int number;

	if (LINUX_HAS_BPF_COOKIE) {
		number = bpf_get_attach_cookie(registers);
	} else {
		int *found = bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &address);

		if (!found)
			return 0;
		number = *found;
	}
	return bpf_map_lookup_elem(&__bpf_usdt_specs, &number);
}

/* The argument of that number, from 0 on; 0 if it cannot be read. */
static __always_inline long probe_argument(struct pt_regs *registers, const struct probe_spec *spec, int number)
{
	const struct argument_spec *where = &spec->args[number];
	unsigned long value = where->val_off;

	if (number >= spec->arg_cnt)
		return 0;
	if (where->arg_type != ARGUMENT_CONSTANT)
		bpf_probe_read_kernel(&value, sizeof(value), (void *)registers + where->reg_off);
	if (where->arg_type == ARGUMENT_MEMORY)
		bpf_probe_read_user(&value, sizeof(value), (void *)value + where->val_off);
	value <<= where->arg_bitshift;
	return where->arg_signed ? (long)value >> where->arg_bitshift : value >> where->arg_bitshift;
}
