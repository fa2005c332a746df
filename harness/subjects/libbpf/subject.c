/* The libbpf subject: reads requests, calls their verbs, writes answers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "subject.h"

static verb_function verb_hello;

static const struct {
	const char *name;
	verb_function *run;
} verbs[] = {
	{ "hello", verb_hello },
	{ "open", verb_open },
	{ "load", verb_load },
	{ "attach", verb_attach },
	{ "detach", verb_detach },
	{ "link_info", verb_link_info },
	{ "link_pin", verb_link_pin },
	{ "link_update", verb_link_update },
	{ "iterate", verb_iterate },
	{ "query", verb_query },
	{ "lookup", verb_lookup },
	{ "update", verb_update },
	{ "delete", verb_delete },
	{ "pop", verb_pop },
	{ "keys", verb_keys },
	{ "elements", verb_elements },
	{ "update_many", verb_update_many },
	{ "delete_many", verb_delete_many },
	{ "freeze", verb_freeze },
	{ "map_info", verb_map_info },
	{ "variable_get", verb_variable_get },
	{ "variable_set", verb_variable_set },
	{ "events_open", verb_events_open },
	{ "events_poll", verb_events_poll },
	{ "events_state", verb_events_state },
	{ "events_close", verb_events_close },
	{ "events_write", verb_events_write },
	{ "test_run", verb_test_run },
	{ "close", verb_close },
	{ "bench_load", verb_bench_load },
	{ "bench_attach", verb_bench_attach },
	{ "bench_lookup", verb_bench_lookup },
	{ "bench_update", verb_bench_update },
	{ "bench_delete", verb_bench_delete },
	{ "bench_latency", verb_bench_latency },
	{ "bench_events", verb_bench_events },
	{ "bench_stream", verb_bench_stream },
	{ "bench_delivery", verb_bench_delivery },
};

static const char *const target_kinds[] = {
	"attach:section",
	"attach:map",
	"attach:xdp",
	"attach:tc",
	"attach:tcx",
	"attach:netkit",
	"attach:cgroup",
	"attach:netns",
	"attach:netfilter",
	"attach:socket",
	"attach:reuseport",
	"attach:sockmap",
	"attach:kprobe",
	"attach:ksyscall",
	"attach:kprobe_multi",
	"attach:uprobe",
	"attach:uprobe_multi",
	"attach:usdt",
	"attach:tracepoint",
	"attach:raw_tracepoint",
	"attach:perf_event",
	"attach:tracing",
	"attach:freplace",
	"attach:iterator",
};

static json_object *verb_hello(json_object *request)
{
	json_object *answer = json_object_new_object();
	json_object *capabilities = json_object_new_array();
	size_t i;

	(void)request;
	for (i = 0; i < ARRAY_LENGTH(verbs); i++)
		json_object_array_add(capabilities, json_object_new_string(verbs[i].name));
	for (i = 0; i < ARRAY_LENGTH(target_kinds); i++)
		json_object_array_add(capabilities, json_object_new_string(target_kinds[i]));
	json_object_object_add(answer, "name", json_object_new_string("libbpf"));
	json_object_object_add(answer, "version", json_object_new_string(LIBBPF_RELEASE));
	json_object_object_add(answer, "protocol", json_object_new_int(1));
	json_object_object_add(answer, "capabilities", capabilities);
	return answer;
}

static json_object *run_verb(json_object *request)
{
	const char *name = need_string(request, "verb");
	size_t i;

	if (!name)
		return NULL;
	for (i = 0; i < ARRAY_LENGTH(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return verbs[i].run(request);
	return refuse(UNSUPPORTED, 0, "verb '%s' is unknown", name);
}

/* NULL, after a refusal, if the line is no request. */
static json_object *parse_request(const char *line)
{
	enum json_tokener_error error;
	json_object *request = json_tokener_parse_verbose(line, &error);
	json_object *id;

	if (error != json_tokener_success)
		return refuse(USAGE, 0, "the line is not JSON: %s", json_tokener_error_desc(error));
	if (json_object_is_type(request, json_type_object) && json_object_object_get_ex(request, "id", &id))
		return request;
	json_object_put(request);
	return refuse(USAGE, 0, "the line is not a JSON object with an \"id\"");
}

static void answer(const char *line)
{
	json_object *request, *id = NULL, *ok = NULL, *reply = json_object_new_object();

	messages_start();
	request = parse_request(line);
	if (request) {
		id = json_object_get(json_object_object_get(request, "id"));
		ok = run_verb(request);
	}
	json_object_object_add(reply, "id", id);
	json_object_object_add(reply, ok ? "ok" : "error", ok ? ok : take_refusal());
	puts(json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
	json_object_put(reply);
	json_object_put(request);
}

int main(int count, char **arguments)
{
	scoped_free char *line = NULL;
	size_t room = 0;

	if (count == 3 && !strcmp(arguments[1], "load"))
		return load_and_wait(arguments[2]);
	while (getline(&line, &room, stdin) > 0)
		answer(line);
	close_all_objects();
	return 0;
}
