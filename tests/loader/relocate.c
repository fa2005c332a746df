/*
 * Relocates an object to the types of a file, by libbpf, loading no program: relocate OBJECT TYPES.
 * Prints a line for each program: its name and its instructions in hexadecimal digits.
 */
#include <bpf/libbpf.h>
#include <stdio.h>

static int silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

int main(int count, char **paths)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = count > 2 ? paths[2] : NULL);
	struct bpf_program *program;
	struct bpf_object *object;

	libbpf_set_print(silent);
	object = count > 2 ? bpf_object__open_file(paths[1], &options) : NULL;
	if (!object || bpf_object__prepare(object))
		return 1;
	bpf_object__for_each_program(program, object) {
		const unsigned char *insns = (const void *)bpf_program__insns(program);

		printf("%s ", bpf_program__name(program));
		for (size_t at = 0; at < 8 * bpf_program__insn_cnt(program); at++)
			printf("%02x", insns[at]);
		printf("\n");
	}
	bpf_object__close(object);
	return 0;
}
