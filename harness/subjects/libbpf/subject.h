/* The libbpf subject: what its files share. PROTOCOL.md, beside this folder, says what each verb means. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <json-c/json.h>

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Frees at the end of the scope. */
#define scoped_free __attribute__((cleanup(free_scoped)))
void free_scoped(void *pointer);

/* --- error.c: refusals, with what libbpf has said since the request began --- */

enum error_class {
	USAGE,
	OBJECT,
	RELOCATION,
	VERIFIER,
	KERNEL,
	UNSUPPORTED,
};

/* Remember why the request is refused. Always NULL, so that a verb can return it. */
__attribute__((format(printf, 3, 4)))
json_object *refuse(enum error_class class, int err, const char *format, ...);

/* The same, for what libbpf or the kernel refused with -err: its warnings are the message. */
__attribute__((format(printf, 3, 4)))
json_object *refuse_libbpf(enum error_class class, int err, const char *format, ...);

void attach_log_to_refusal(const char *log);
json_object *take_refusal(void);

void messages_start(void);
bool messages_mention(const char *text);

/* --- request.c: arguments and bytes --- */

/* These return false (NULL) after refuse() if the argument is missing or malformed. */
const char *need_string(json_object *request, const char *name);
bool need_number(json_object *request, const char *name, int64_t minimum, int64_t maximum, int64_t *number);
/* Leaves *number alone if it is absent. */
bool optional_number(json_object *request, const char *name, int64_t minimum, int64_t maximum, int64_t *number);

struct bytes {
	size_t size;
	uint8_t *data;
};
void free_bytes(struct bytes *bytes);
#define scoped_bytes __attribute__((cleanup(free_bytes)))

bool need_bytes(json_object *request, const char *name, struct bytes *bytes);
bool need_bytes_of_size(json_object *request, const char *name, size_t size, struct bytes *bytes);
/* Absent: size 0 and data NULL. */
bool optional_bytes(json_object *request, const char *name, struct bytes *bytes);
bool bytes_from_json(json_object *value, const char *name, struct bytes *bytes);
json_object *hex_json(const void *data, size_t size);

/* --- object.c, variable.c --- */

struct object {
	int64_t id;
	struct bpf_object *bpf;
	bool loaded; /* load was tried; libbpf allows one try */
	bool live;   /* load succeeded */
	struct object *next;
};

struct object *need_object(json_object *request);
struct object *need_live_object(json_object *request);
struct bpf_program *need_live_program(struct object *object, json_object *request);
/* A declared map of a loaded object, named by `argument`. */
struct bpf_map *need_live_map(struct object *object, json_object *request, const char *argument);
/* Bytes that the system call reads or writes for a value. */
size_t map_value_size(const struct bpf_map *map);
int64_t next_id(void);

/* The descriptor in another process that "pid" and "fd" name, as one of ours; -1 after a refusal. */
int need_descriptor_of(json_object *request);

json_object *list_variables(struct bpf_object *bpf);
bool set_variables(struct object *object, json_object *values);

/* Tells programs which loaded programs' functions they are for. False after a refusal. */
bool set_targets(struct bpf_object *bpf, json_object *targets);
void close_links_of(const struct object *object);
void close_readers_of(const struct object *object);
void close_all_objects(void);

/* --- program.c: a user's program in this one --- */

int load_and_wait(const char *path);

/* --- verbs --- */

typedef json_object *verb_function(json_object *request);

verb_function verb_open, verb_load, verb_close;
verb_function verb_variable_get, verb_variable_set;
verb_function verb_attach, verb_detach, verb_link_update, verb_query;
verb_function verb_lookup, verb_update, verb_delete, verb_pop, verb_keys;
verb_function verb_elements, verb_update_many, verb_delete_many, verb_freeze, verb_map_info;
verb_function verb_link_info, verb_link_pin, verb_iterate;
verb_function verb_events_open, verb_events_poll, verb_events_state, verb_events_close, verb_events_write;
verb_function verb_test_run;
verb_function verb_bench_load, verb_bench_attach;
verb_function verb_bench_lookup, verb_bench_update, verb_bench_delete, verb_bench_latency;
verb_function verb_bench_events, verb_bench_stream, verb_bench_delivery;
