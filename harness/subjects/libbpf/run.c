/* Running a program by BPF_PROG_TEST_RUN. */
#include <errno.h>
#include <stdlib.h>

#include "subject.h"

/* A program may grow its packet; more than this the kernel does not let it. */
#define GROWTH 4096

/* Whether the test run of a type gives a context back in a buffer of its own. */
static bool hands_context_back(enum bpf_prog_type type)
{
	switch (type) {
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_XDP:
		return true;
	default:
		return false;
	}
}

/* Where to run and how, as far as the request says. */
static bool take_options(json_object *request, struct bpf_test_run_opts *run)
{
	int64_t cpu = 0, batch_size = 0;
	json_object *live;

	if (!optional_number(request, "cpu", 0, INT32_MAX, &cpu) ||
	    !optional_number(request, "batch_size", 1, INT32_MAX, &batch_size))
		return false;
	if (json_object_object_get_ex(request, "cpu", NULL))
		run->flags |= BPF_F_TEST_RUN_ON_CPU;
	if (json_object_object_get_ex(request, "live_frames", &live) && json_object_get_boolean(live))
		run->flags |= BPF_F_TEST_XDP_LIVE_FRAMES;
	run->cpu = cpu;
	run->batch_size = batch_size;
	return true;
}

json_object *verb_test_run(json_object *request)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);
	struct object *object = need_live_object(request);
	struct bpf_program *program = object ? need_live_program(object, request) : NULL;
	scoped_bytes struct bytes data = {}, context = {};
	scoped_free uint8_t *out = NULL, *context_out = NULL;
	json_object *answer;
	int64_t repeat = 0;
	bool live;

	if (!program || !take_options(request, &run) || !optional_bytes(request, "data", &data) ||
	    !optional_bytes(request, "ctx", &context) || !optional_number(request, "repeat", 1, INT32_MAX, &repeat))
		return NULL;
	run.repeat = repeat;
	run.ctx_in = context.data;
	run.ctx_size_in = context.size;
	live = run.flags & BPF_F_TEST_XDP_LIVE_FRAMES;
	run.data_in = data.data;
	run.data_size_in = data.size;
	if (context.data && !live && hands_context_back(bpf_program__type(program))) {
		context_out = malloc(context.size);
		if (!context_out)
			return refuse(KERNEL, ENOMEM, "no memory for a context");
		run.ctx_out = context_out;
		run.ctx_size_out = context.size;
	}
	if (data.data && !live) {
		out = malloc(data.size + GROWTH);
		if (!out)
			return refuse(KERNEL, ENOMEM, "no memory for a packet");
		run.data_out = out;
		run.data_size_out = data.size + GROWTH;
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &run))
		return refuse_libbpf(KERNEL, errno, "program '%s' cannot be run", bpf_program__name(program));
	answer = json_object_new_object();
	json_object_object_add(answer, "retval", json_object_new_int64(run.retval));
	json_object_object_add(answer, "data_out", hex_json(out, out ? run.data_size_out : 0));
	/* Programs of type SYSCALL write into the context that they were given. */
	json_object_object_add(answer, "ctx_out",
			       context_out ? hex_json(context_out, run.ctx_size_out) :
					     hex_json(context.data, context.size));
	json_object_object_add(answer, "duration_ns", json_object_new_int64(run.duration));
	return answer;
}
