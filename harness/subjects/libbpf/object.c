/* Objects: open, load, close. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "subject.h"

/* Room for a verifier log, taken from the kernel only as it is filled: libbpf's own size. */
#define LOG_ROOM ((size_t)16 * 1024 * 1024 - 1)

static struct object *objects;

int64_t next_id(void)
{
	static int64_t last;

	return ++last;
}

struct object *need_object(json_object *request)
{
	struct object *object;
	int64_t id;

	if (!need_number(request, "object", 1, INT64_MAX, &id))
		return NULL;
	for (object = objects; object; object = object->next)
		if (object->id == id)
			return object;
	refuse(USAGE, 0, "there is no object %lld", (long long)id);
	return NULL;
}

struct object *need_live_object(json_object *request)
{
	struct object *object = need_object(request);

	if (object && !object->live) {
		refuse(USAGE, 0, "object %lld is not loaded", (long long)object->id);
		return NULL;
	}
	return object;
}

struct bpf_program *need_live_program(struct object *object, json_object *request)
{
	const char *name = need_string(request, "program");
	struct bpf_program *program;

	if (!name)
		return NULL;
	program = bpf_object__find_program_by_name(object->bpf, name);
	if (!program)
		refuse(USAGE, 0, "there is no program '%s'", name);
	else if (bpf_program__fd(program) < 0)
		refuse(USAGE, 0, "program '%s' is not loaded", name);
	else
		return program;
	return NULL;
}

struct bpf_map *need_live_map(struct object *object, json_object *request, const char *argument)
{
	const char *name = need_string(request, argument);
	struct bpf_map *map;

	if (!name)
		return NULL;
	map = bpf_object__find_map_by_name(object->bpf, name);
	if (!map || bpf_map__is_internal(map))
		refuse(USAGE, 0, "there is no map '%s'", name);
	else if (bpf_map__fd(map) < 0)
		refuse(USAGE, 0, "map '%s' is not created", name);
	else
		return map;
	return NULL;
}

static json_object *list_programs(struct bpf_object *bpf)
{
	json_object *list = json_object_new_array(), *entry;
	struct bpf_program *program;
	const char *type;

	bpf_object__for_each_program(program, bpf) {
		type = libbpf_bpf_prog_type_str(bpf_program__type(program));
		entry = json_object_new_object();
		json_object_object_add(entry, "name", json_object_new_string(bpf_program__name(program)));
		json_object_object_add(entry, "section", json_object_new_string(bpf_program__section_name(program)));
		json_object_object_add(entry, "type", json_object_new_string(type));
		json_object_array_add(list, entry);
	}
	return list;
}

static json_object *list_maps(struct bpf_object *bpf)
{
	json_object *list = json_object_new_array(), *entry;
	const char *type;
	struct bpf_map *map;

	bpf_object__for_each_map(map, bpf) {
		if (bpf_map__is_internal(map))
			continue;
		type = libbpf_bpf_map_type_str(bpf_map__type(map));
		entry = json_object_new_object();
		json_object_object_add(entry, "name", json_object_new_string(bpf_map__name(map)));
		json_object_object_add(entry, "type", json_object_new_string(type ? type : "unknown"));
		json_object_object_add(entry, "key_size", json_object_new_int64(bpf_map__key_size(map)));
		json_object_object_add(entry, "value_size", json_object_new_int64(bpf_map__value_size(map)));
		json_object_object_add(entry, "max_entries", json_object_new_int64(bpf_map__max_entries(map)));
		json_object_array_add(list, entry);
	}
	return list;
}

json_object *verb_open(json_object *request)
{
	const char *path = need_string(request, "path");
	json_object *answer, *variables;
	struct object *object;

	if (!path)
		return NULL;
	object = calloc(1, sizeof(*object));
	if (!object)
		return refuse(KERNEL, ENOMEM, "no memory for an object");
	object->bpf = bpf_object__open_file(path, NULL);
	if (!object->bpf) {
		refuse_libbpf(OBJECT, errno, "'%s' cannot be opened", path);
		free(object);
		return NULL;
	}
	if (json_object_object_get_ex(request, "variables", &variables) && !set_variables(object, variables)) {
		bpf_object__close(object->bpf);
		free(object);
		return NULL;
	}
	object->id = next_id();
	object->next = objects;
	objects = object;

	answer = json_object_new_object();
	json_object_object_add(answer, "object", json_object_new_int64(object->id));
	json_object_object_add(answer, "programs", list_programs(object->bpf));
	json_object_object_add(answer, "maps", list_maps(object->bpf));
	json_object_object_add(answer, "variables", list_variables(object->bpf));
	return answer;
}

/* Load these programs and no others. */
static bool choose_programs(struct bpf_object *bpf, json_object *names)
{
	struct bpf_program *program;
	const char *name;
	size_t i;

	if (!json_object_is_type(names, json_type_array)) {
		refuse(USAGE, 0, "argument 'programs' is not a list");
		return false;
	}
	bpf_object__for_each_program(program, bpf)
		bpf_program__set_autoload(program, false);
	for (i = 0; i < json_object_array_length(names); i++) {
		name = json_object_get_string(json_object_array_get_idx(names, i));
		program = name ? bpf_object__find_program_by_name(bpf, name) : NULL;
		if (!program) {
			refuse(USAGE, 0, "there is no program '%s'", name ? name : "null");
			return false;
		}
		bpf_program__set_autoload(program, true);
	}
	return true;
}

/* One log for each program to be loaded; NULL if there is no memory. */
struct logs {
	size_t count;
	char **text; /* in the order of the object's programs; NULL where nothing is loaded */
};

static void free_logs(struct logs *logs)
{
	size_t i;

	for (i = 0; i < logs->count; i++)
		if (logs->text[i])
			munmap(logs->text[i], LOG_ROOM);
	free(logs->text);
}

static bool give_logs(struct bpf_object *bpf, bool verbose, struct logs *logs)
{
	struct bpf_program *program;
	size_t i = 0;
	char *room;

	bpf_object__for_each_program(program, bpf)
		logs->count++;
	logs->text = calloc(logs->count + 1, sizeof(*logs->text));
	if (!logs->text)
		goto no_memory;
	bpf_object__for_each_program(program, bpf) {
		if (!bpf_program__autoload(program)) {
			i++;
			continue;
		}
		room = mmap(NULL, LOG_ROOM, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (room == MAP_FAILED)
			goto no_memory;
		logs->text[i++] = room;
		bpf_program__set_log_buf(program, room, LOG_ROOM);
		if (verbose)
			bpf_program__set_log_level(program, 1);
	}
	return true;

no_memory:
	if (!logs->text)
		logs->count = 0;
	refuse(KERNEL, ENOMEM, "no memory for verifier logs");
	return false;
}

/* libbpf stops at the first program that fails, so the failed one's log is the last that is not empty. */
static const char *failed_log(const struct logs *logs)
{
	const char *last = "";
	size_t i;

	for (i = 0; i < logs->count; i++)
		if (logs->text[i] && logs->text[i][0])
			last = logs->text[i];
	return last;
}

/*
 * libbpf tells by its warnings, not by its error code, which step of loading failed
 * (-EINVAL and -ESRCH come from everywhere).
 */
static enum error_class class_of_failed_load(int err)
{
	static const struct {
		const char *warning;
		enum error_class class;
	} told[] = {
		{ "BPF program load failed", KERNEL },
		{ "missing BPF prog type", UNSUPPORTED },
		{ "attach program FD is not set", USAGE },
		{ "loading non-native endianness", OBJECT },
		{ "extern ", RELOCATION },
		{ "failed to perform CO-RE relocations", RELOCATION },
		{ "failed to find valid kernel BTF", RELOCATION },
		{ "Error loading vmlinux BTF", RELOCATION },
		{ "failed to find kernel BTF type ID", RELOCATION },
		{ "is not found in vmlinux BTF", RELOCATION },
		{ "struct_ops init_kern", RELOCATION },
	};
	size_t i;

	for (i = 0; i < ARRAY_LENGTH(told); i++)
		if (messages_mention(told[i].warning))
			return told[i].class;
	return err == LIBBPF_ERRNO__RELOC ? OBJECT : KERNEL;
}

static json_object *refuse_load(struct object *object, int err, const struct logs *logs)
{
	const char *log = failed_log(logs), *name = bpf_object__name(object->bpf);
	enum error_class class = class_of_failed_load(err);

	if (class == KERNEL && log[0] && messages_mention("BPF program load failed"))
		class = VERIFIER;
	refuse_libbpf(class, err, "object '%s' cannot be loaded", name);
	if (class == VERIFIER)
		attach_log_to_refusal(log);
	return NULL;
}

static json_object *describe_loaded(struct bpf_program *program, const char *log)
{
	json_object *entry = json_object_new_object();
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size)) {
		json_object_put(entry);
		return refuse(KERNEL, errno, "program '%s': no information: %s", bpf_program__name(program),
			      strerror(errno));
	}
	json_object_object_add(entry, "id", json_object_new_int64(info.id));
	json_object_object_add(entry, "tag", hex_json(info.tag, sizeof(info.tag)));
	json_object_object_add(entry, "insns",
			       hex_json(bpf_program__insns(program),
					bpf_program__insn_cnt(program) * sizeof(struct bpf_insn)));
	json_object_object_add(entry, "log", json_object_new_string(log));
	return entry;
}

static json_object *describe_all_loaded(struct bpf_object *bpf, const struct logs *logs, bool verbose)
{
	json_object *programs = json_object_new_object(), *answer, *entry;
	struct bpf_program *program;
	size_t i = 0;

	bpf_object__for_each_program(program, bpf) {
		const char *log = verbose && logs->text[i] ? logs->text[i] : "";

		i++;
		if (bpf_program__fd(program) < 0)
			continue;
		entry = describe_loaded(program, log);
		if (!entry) {
			json_object_put(programs);
			return NULL;
		}
		json_object_object_add(programs, bpf_program__name(program), entry);
	}
	answer = json_object_new_object();
	json_object_object_add(answer, "programs", programs);
	return answer;
}

/* Binds XDP programs to the devices that they are to be attached to. */
static bool bind_programs(struct bpf_object *bpf, json_object *devices)
{
	struct bpf_program *program;
	int64_t ifindex;
	const char *name;

	bpf_object__for_each_program(program, bpf) {
		name = bpf_program__name(program);
		if (!json_object_object_get_ex(devices, name, NULL))
			continue;
		if (!need_number(devices, name, 1, INT32_MAX, &ifindex))
			return false;
		bpf_program__set_ifindex(program, ifindex);
		bpf_program__set_flags(program, bpf_program__flags(program) | BPF_F_XDP_DEV_BOUND_ONLY);
	}
	return true;
}

json_object *verb_load(json_object *request)
{
	__attribute__((cleanup(free_logs))) struct logs logs = {};
	struct object *object = need_object(request);
	json_object *names, *devices, *targets, *log;
	bool verbose;
	int err;

	if (!object)
		return NULL;
	if (object->loaded)
		return refuse(USAGE, 0, "object %lld has been loaded already", (long long)object->id);
	object->loaded = true;
	if (json_object_object_get_ex(request, "programs", &names) && !choose_programs(object->bpf, names))
		return NULL;
	if (json_object_object_get_ex(request, "devices", &devices) && !bind_programs(object->bpf, devices))
		return NULL;
	if (json_object_object_get_ex(request, "targets", &targets) && !set_targets(object->bpf, targets))
		return NULL;
	verbose = json_object_object_get_ex(request, "log", &log) && json_object_get_boolean(log);
	if (!give_logs(object->bpf, verbose, &logs))
		return NULL;
	err = bpf_object__load(object->bpf);
	if (err)
		return refuse_load(object, -err, &logs);
	object->live = true;
	return describe_all_loaded(object->bpf, &logs, verbose);
}

static void close_object(struct object *object)
{
	close_links_of(object);
	close_readers_of(object);
	bpf_object__close(object->bpf);
	free(object);
}

json_object *verb_close(json_object *request)
{
	struct object *object = need_object(request), **place;

	if (!object)
		return NULL;
	for (place = &objects; *place != object;)
		place = &(*place)->next;
	*place = object->next;
	close_object(object);
	return json_object_new_object();
}

void close_all_objects(void)
{
	struct object *object;

	while ((object = objects)) {
		objects = object->next;
		close_object(object);
	}
}
