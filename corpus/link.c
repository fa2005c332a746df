/* Links BPF objects statically, as bpftool gen object does: link OUTPUT INPUT... */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **paths)
{
	struct bpf_linker *linker;
	int err;

	if (count < 3) {
		fprintf(stderr, "usage: link OUTPUT INPUT...\n");
		return 2;
	}
	linker = bpf_linker__new(paths[1], NULL);
	if (!linker) {
		perror(paths[1]);
		return 1;
	}
	for (int i = 2; i < count; i++) {
		err = bpf_linker__add_file(linker, paths[i], NULL);
		if (err) {
			fprintf(stderr, "%s: %s\n", paths[i], strerror(-err));
			return 1;
		}
	}
	err = bpf_linker__finalize(linker);
	if (err)
		fprintf(stderr, "%s: %s\n", paths[1], strerror(-err));
	bpf_linker__free(linker);
	return err ? 1 : 0;
}
