/* Attaching to probes: of the kernel, of user space, of counters. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "link.h"

enum { MOST_PLACES = 64 };

static bool is_true(json_object *target, const char *name)
{
	return json_object_get_boolean(json_object_object_get(target, name));
}

static bool take_cookie(json_object *target, __u64 *cookie)
{
	int64_t number = 0;
	bool taken = optional_number(target, "cookie", 0, INT64_MAX, &number);

	*cookie = number;
	return taken;
}

/* -1 for all, if it is absent. */
static bool take_pid(json_object *target, int64_t *pid)
{
	*pid = -1;
	return optional_number(target, "pid", 0, INT32_MAX, pid);
}

static int take_mode(json_object *target)
{
	static const char *const modes[] = { "default", "legacy", "perf", "link" };

	return choice(target, "mode", modes, ARRAY_LENGTH(modes), PROBE_ATTACH_MODE_DEFAULT);
}

/* The members of an optional list, as numbers; their count is checked against `*count` unless that is 0. */
static bool take_numbers(json_object *target, const char *name, uint64_t *numbers, size_t *count, bool *present)
{
	json_object *list;
	size_t i, length;

	*present = json_object_object_get_ex(target, name, &list);
	if (!*present)
		return true;
	length = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	if (!length || length > MOST_PLACES || (*count && length != *count))
		return refuse(USAGE, 0, "argument '%s' is not a list of as many numbers as there are places", name);
	for (i = 0; i < length; i++)
		numbers[i] = json_object_get_uint64(json_object_array_get_idx(list, i));
	*count = length;
	return true;
}

/* What the targets of many places at once have in common. */
struct places {
	const char *pattern;
	const char *names[MOST_PLACES];
	uint64_t numbers[MOST_PLACES], counters[MOST_PLACES], cookies[MOST_PLACES];
	bool has_names, has_numbers, has_counters, has_cookies;
	size_t count;
};

static bool take_names(json_object *target, struct places *places)
{
	json_object *list;
	size_t i;

	places->has_names = json_object_object_get_ex(target, "functions", &list);
	if (!places->has_names)
		return true;
	places->count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	if (!places->count || places->count > MOST_PLACES)
		return refuse(USAGE, 0, "argument 'functions' is not a list of names");
	for (i = 0; i < places->count; i++)
		places->names[i] = json_object_get_string(json_object_array_get_idx(list, i));
	return true;
}

static bool take_places(json_object *target, const char *numbers, struct places *places)
{
	*places = (struct places){};
	if (json_object_object_get_ex(target, "pattern", NULL)) {
		places->pattern = need_string(target, "pattern");
		return places->pattern;
	}
	return take_names(target, places) &&
	       take_numbers(target, numbers, places->numbers, &places->count, &places->has_numbers) &&
	       take_numbers(target, "ref_counters", places->counters, &places->count, &places->has_counters) &&
	       take_numbers(target, "cookies", places->cookies, &places->count, &places->has_cookies);
}

bool attach_kprobe(struct bpf_program *program, json_object *target, struct link *link)
{
	const char *function = need_string(target, "function");
	LIBBPF_OPTS(bpf_kprobe_opts, opts, .retprobe = is_true(target, "returns"));
	int mode = take_mode(target);
	int64_t offset = 0;

	if (!function || mode < 0 || !optional_number(target, "offset", 0, INT64_MAX, &offset) ||
	    !take_cookie(target, &opts.bpf_cookie))
		return false;
	opts.offset = offset;
	opts.attach_mode = mode;
	return keep_bpf_link(program, bpf_program__attach_kprobe_opts(program, function, &opts), link);
}

bool attach_ksyscall(struct bpf_program *program, json_object *target, struct link *link)
{
	const char *name = need_string(target, "name");
	LIBBPF_OPTS(bpf_ksyscall_opts, opts, .retprobe = is_true(target, "returns"));

	if (!name || !take_cookie(target, &opts.bpf_cookie))
		return false;
	return keep_bpf_link(program, bpf_program__attach_ksyscall(program, name, &opts), link);
}

bool attach_kprobe_multi(struct bpf_program *program, json_object *target, struct link *link)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .retprobe = is_true(target, "returns"));
	struct places places;

	if (!take_places(target, "addresses", &places))
		return false;
	opts.session = bpf_program__expected_attach_type(program) == BPF_TRACE_KPROBE_SESSION;
	opts.syms = places.has_names ? places.names : NULL;
	opts.addrs = places.has_numbers ? places.numbers : NULL;
	opts.cookies = places.has_cookies ? (const __u64 *)places.cookies : NULL;
	opts.cnt = places.count;
	return keep_bpf_link(program, bpf_program__attach_kprobe_multi_opts(program, places.pattern, &opts), link);
}

bool attach_uprobe(struct bpf_program *program, json_object *target, struct link *link)
{
	const char *path = need_string(target, "path");
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = is_true(target, "returns"));
	int64_t offset = 0, counter = 0, pid;
	int mode = take_mode(target);

	if (!path || mode < 0 || !optional_number(target, "offset", 0, INT64_MAX, &offset) ||
	    !optional_number(target, "ref_counter", 0, UINT32_MAX, &counter) || !take_pid(target, &pid) ||
	    !take_cookie(target, &opts.bpf_cookie))
		return false;
	if (json_object_object_get_ex(target, "function", NULL)) {
		opts.func_name = need_string(target, "function");
		if (!opts.func_name)
			return false;
	}
	opts.ref_ctr_offset = counter;
	opts.attach_mode = mode;
	return keep_bpf_link(program, bpf_program__attach_uprobe_opts(program, pid, path, offset, &opts), link);
}

bool attach_uprobe_multi(struct bpf_program *program, json_object *target, struct link *link)
{
	const char *path = need_string(target, "path");
	LIBBPF_OPTS(bpf_uprobe_multi_opts, opts, .retprobe = is_true(target, "returns"));
	struct places places;
	int64_t pid;

	if (!path || !take_places(target, "offsets", &places) || !take_pid(target, &pid))
		return false;
	opts.session = bpf_program__expected_attach_type(program) == BPF_TRACE_UPROBE_SESSION;
	opts.syms = places.has_names ? places.names : NULL;
	opts.offsets = places.has_numbers ? places.numbers : NULL;
	opts.ref_ctr_offsets = places.has_counters ? places.counters : NULL;
	opts.cookies = places.has_cookies ? (const __u64 *)places.cookies : NULL;
	opts.cnt = places.count;
	return keep_bpf_link(program, bpf_program__attach_uprobe_multi(program, pid, path, places.pattern, &opts),
			     link);
}

bool attach_usdt(struct bpf_program *program, json_object *target, struct link *link)
{
	const char *path = need_string(target, "path");
	const char *provider = path ? need_string(target, "provider") : NULL;
	const char *name = provider ? need_string(target, "name") : NULL;
	LIBBPF_OPTS(bpf_usdt_opts, opts);
	int64_t pid;

	if (!name || !take_pid(target, &pid) || !take_cookie(target, &opts.usdt_cookie))
		return false;
	return keep_bpf_link(program, bpf_program__attach_usdt(program, pid, path, provider, name, &opts), link);
}

bool attach_tracepoint(struct bpf_program *program, json_object *target, struct link *link)
{
	const char *category = need_string(target, "category");
	const char *name = category ? need_string(target, "name") : NULL;
	LIBBPF_OPTS(bpf_tracepoint_opts, opts);

	if (!name || !take_cookie(target, &opts.bpf_cookie))
		return false;
	return keep_bpf_link(program, bpf_program__attach_tracepoint_opts(program, category, name, &opts), link);
}

bool attach_raw_tracepoint(struct bpf_program *program, json_object *target, struct link *link)
{
	const char *name = need_string(target, "name");
	LIBBPF_OPTS(bpf_raw_tracepoint_opts, opts);

	if (!name || !take_cookie(target, &opts.cookie))
		return false;
	return keep_bpf_link(program, bpf_program__attach_raw_tracepoint_opts(program, name, &opts), link);
}

bool attach_perf_event(struct bpf_program *program, json_object *target, struct link *link)
{
	int64_t type, config, period = 0, frequency = 0, cpu = -1, pid;
	struct perf_event_attr attr = { .size = sizeof(attr) };
	LIBBPF_OPTS(bpf_perf_event_opts, opts);
	struct bpf_link *made;
	int fd;

	if (!need_number(target, "type", 0, UINT32_MAX, &type) ||
	    !need_number(target, "config", 0, INT64_MAX, &config) ||
	    !optional_number(target, "period", 1, INT64_MAX, &period) ||
	    !optional_number(target, "frequency", 1, INT64_MAX, &frequency) ||
	    !optional_number(target, "cpu", 0, INT32_MAX, &cpu) || !take_pid(target, &pid) ||
	    !take_cookie(target, &opts.bpf_cookie))
		return false;
	attr.type = type;
	attr.config = config;
	attr.freq = frequency > 0;
	attr.sample_period = frequency ? frequency : period;
	/* As libbpf's users do it: one event is all that is asked for here. */
	fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return refuse(KERNEL, errno, "a perf event cannot be opened: %s", strerror(errno));
	made = bpf_program__attach_perf_event_opts(program, fd, &opts);
	if (!keep_bpf_link(program, made, link)) {
		close(fd);
		return false;
	}
	return true;
}
