/* What a user of libbpf might write: loads one object, says so, waits for the end of its input. */
#include <stdio.h>

#include "subject.h"

int load_and_wait(const char *path)
{
	struct bpf_object *bpf = bpf_object__open_file(path, NULL);

	if (!bpf || bpf_object__load(bpf)) {
		bpf_object__close(bpf);
		return 1;
	}
	puts("loaded");
	fflush(stdout);
	while (getchar() != EOF)
		;
	bpf_object__close(bpf);
	return 0;
}
