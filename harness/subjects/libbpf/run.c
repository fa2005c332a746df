/* Running a program by BPF_PROG_TEST_RUN. */
#include <errno.h>
#include <stdlib.h>

#include "subject.h"

/* A program may grow its packet; more than this the kernel does not let it. */
#define GROWTH 4096

json_object *verb_test_run(json_object *request)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);
	struct object *object = need_live_object(request);
	struct bpf_program *program = object ? need_live_program(object, request) : NULL;
	scoped_bytes struct bytes data = {}, context = {};
	scoped_free uint8_t *out = NULL;
	json_object *answer;
	int64_t repeat = 0;

	if (!program || !optional_bytes(request, "data", &data) || !optional_bytes(request, "ctx", &context) ||
	    !optional_number(request, "repeat", 1, INT32_MAX, &repeat))
		return NULL;
	run.repeat = repeat;
	run.ctx_in = context.data;
	run.ctx_size_in = context.size;
	if (data.data) {
		out = malloc(data.size + GROWTH);
		if (!out)
			return refuse(KERNEL, ENOMEM, "no memory for a packet");
		run.data_in = data.data;
		run.data_size_in = data.size;
		run.data_out = out;
		run.data_size_out = data.size + GROWTH;
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &run))
		return refuse_libbpf(KERNEL, errno, "program '%s' cannot be run", bpf_program__name(program));
	answer = json_object_new_object();
	json_object_object_add(answer, "retval", json_object_new_int64(run.retval));
	json_object_object_add(answer, "data_out", hex_json(out, out ? run.data_size_out : 0));
	json_object_object_add(answer, "duration_ns", json_object_new_int64(run.duration));
	return answer;
}
