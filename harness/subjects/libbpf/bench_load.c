/* Benchmarks of loading and attaching. */
#include <errno.h>

#include "bench.h"

json_object *verb_bench_load(json_object *request)
{
	const char *path = need_string(request, "path");
	int64_t rounds, i, begin;
	scoped_free double *samples = path ? need_samples(request, &rounds) : NULL;
	bool open_only = json_object_get_boolean(json_object_object_get(request, "open_only"));
	struct bpf_object *bpf;
	int err;

	if (!samples)
		return NULL;
	for (i = 0; i < rounds; i++) {
		begin = nanoseconds();
		bpf = bpf_object__open_file(path, NULL);
		err = !bpf ? -errno : open_only ? 0 : bpf_object__load(bpf);
		samples[i] = nanoseconds() - begin;
		if (!bpf)
			return refuse_libbpf(OBJECT, err, "'%s' cannot be opened", path);
		bpf_object__close(bpf);
		if (err)
			return refuse_libbpf(KERNEL, err, "'%s' cannot be loaded", path);
	}
	return samples_answer(samples, rounds);
}

json_object *verb_bench_attach(json_object *request)
{
	struct object *object = need_live_object(request);
	struct bpf_program *program = object ? need_live_program(object, request) : NULL;
	scoped_free double *samples = NULL;
	int64_t rounds, i, begin, ifindex = 0;
	struct bpf_link *link;
	json_object *target;

	if (!program)
		return NULL;
	if (json_object_object_get_ex(request, "target", &target) &&
	    !need_number(target, "ifindex", 1, INT32_MAX, &ifindex))
		return NULL;
	samples = need_samples(request, &rounds);
	if (!samples)
		return NULL;
	for (i = 0; i < rounds; i++) {
		begin = nanoseconds();
		link = ifindex ? bpf_program__attach_xdp(program, ifindex) : bpf_program__attach(program);
		if (!link)
			return refuse_libbpf(KERNEL, errno, "program '%s' cannot be attached",
					     bpf_program__name(program));
		bpf_link__destroy(link);
		samples[i] = nanoseconds() - begin;
	}
	return samples_answer(samples, rounds);
}
