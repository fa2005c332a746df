/* Links: attaching to where a section name or a target says, and detaching. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"

static struct link *links;

bool keep_bpf_link(struct bpf_program *program, struct bpf_link *bpf, struct link *link)
{
	link->bpf = bpf;
	if (!bpf)
		refuse_libbpf(KERNEL, errno, "program '%s' cannot be attached", bpf_program__name(program));
	return bpf;
}

bool keep_prog_attach(struct bpf_program *program, int target, const struct bpf_prog_attach_opts *opts,
		      struct link *link)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(program);
	int fd = bpf_program__fd(program), err;

	err = bpf_prog_attach_opts(fd, target, type, opts);
	if (err) {
		close(target);
		return refuse_libbpf(KERNEL, err, "program '%s' cannot be attached", bpf_program__name(program));
	}
	link->target = target;
	link->attach_type = type;
	link->prog_fd = fd;
	return true;
}

struct link *find_link(int64_t id)
{
	struct link *link;

	for (link = links; link && link->id != id;)
		link = link->next;
	return link;
}

static bool attach_section(struct bpf_program *program, json_object *target, struct link *link)
{
	(void)target;
	link->bpf = bpf_program__attach(program);
	/* Of what the kernel refused it warns. */
	if (!link->bpf && errno == EOPNOTSUPP && !messages_mention("failed to attach")) {
		refuse(USAGE, 0, "program '%s': its section '%s' does not say where to attach it: give a target",
		       bpf_program__name(program), bpf_program__section_name(program));
		return false;
	}
	return keep_bpf_link(program, link->bpf, link);
}

static bool attach_map(struct bpf_map *map, struct link *link)
{
	if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
		return refuse(USAGE, 0, "map '%s' is no struct_ops map", bpf_map__name(map));
	link->bpf = bpf_map__attach_struct_ops(map);
	if (!link->bpf)
		refuse_libbpf(KERNEL, errno, "map '%s' cannot be attached", bpf_map__name(map));
	return link->bpf;
}

/* Undoes what was done of an attachment, also of one that failed half-way. */
static int undo(struct link *link)
{
	int err = 0;

	if (link->bpf)
		err = bpf_link__destroy(link->bpf);
	if (link->xdp_ifindex)
		err = detach_xdp(link);
	if (link->target >= 0) {
		err = bpf_prog_detach2(link->prog_fd, link->target, link->attach_type);
		close(link->target);
	}
	if (link->is_reuseport && setsockopt(link->socket, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &err, sizeof(err)))
		err = -errno;
	if (link->socket >= 0)
		close(link->socket);
	if (link->hook.sz)
		err = detach_classifier(link, links);
	free(link);
	return err;
}

static attach_function *need_attach_function(json_object *request, json_object **target)
{
	static const struct {
		const char *kind;
		attach_function *attach;
	} kinds[] = {
		{ "xdp", attach_xdp },
		{ "tc", attach_tc },
		{ "tcx", attach_tcx },
		{ "netkit", attach_netkit },
		{ "cgroup", attach_cgroup },
		{ "netns", attach_netns },
		{ "netfilter", attach_netfilter },
		{ "socket", attach_socket },
		{ "reuseport", attach_reuseport },
		{ "sockmap", attach_sockmap },
		{ "kprobe", attach_kprobe },
		{ "ksyscall", attach_ksyscall },
		{ "kprobe_multi", attach_kprobe_multi },
		{ "uprobe", attach_uprobe },
		{ "uprobe_multi", attach_uprobe_multi },
		{ "usdt", attach_usdt },
		{ "tracepoint", attach_tracepoint },
		{ "raw_tracepoint", attach_raw_tracepoint },
		{ "perf_event", attach_perf_event },
		{ "tracing", attach_tracing },
		{ "freplace", attach_freplace },
		{ "iterator", attach_iterator },
	};
	const char *kind;
	size_t i;

	if (!json_object_object_get_ex(request, "target", target))
		return attach_section;
	if (!json_object_is_type(*target, json_type_object)) {
		refuse(USAGE, 0, "argument 'target' is not an object");
		return NULL;
	}
	kind = need_string(*target, "kind");
	if (!kind)
		return NULL;
	for (i = 0; i < ARRAY_LENGTH(kinds); i++)
		if (!strcmp(kinds[i].kind, kind))
			return kinds[i].attach;
	refuse(UNSUPPORTED, 0, "target kind '%s' is unknown", kind);
	return NULL;
}

/* Attaches the map or program that the request names. */
static bool attach_to_link(struct object *object, json_object *request, struct link *link)
{
	json_object *target = NULL;
	struct bpf_program *program;
	attach_function *attach;
	struct bpf_map *map;

	if (json_object_object_get_ex(request, "map", NULL)) {
		map = need_live_map(object, request, "map");
		return map && attach_map(map, link);
	}
	program = need_live_program(object, request);
	attach = program ? need_attach_function(request, &target) : NULL;
	return attach && attach(program, target, link);
}

json_object *verb_attach(json_object *request)
{
	struct object *object = need_live_object(request);
	json_object *answer;
	struct link *link;

	if (!object)
		return NULL;
	link = calloc(1, sizeof(*link));
	if (!link)
		return refuse(KERNEL, ENOMEM, "no memory for a link");
	link->socket = link->target = -1;
	link->object = object;
	if (!attach_to_link(object, request, link)) {
		undo(link);
		return NULL;
	}
	link->id = next_id();
	link->next = links;
	links = link;
	answer = json_object_new_object();
	json_object_object_add(answer, "link", json_object_new_int64(link->id));
	return answer;
}

static int program_fd(struct object *object, json_object *request, const char *argument)
{
	const char *name = need_string(request, argument);
	struct bpf_program *program = name ? bpf_object__find_program_by_name(object->bpf, name) : NULL;

	if (program && bpf_program__fd(program) >= 0)
		return bpf_program__fd(program);
	if (name)
		refuse(USAGE, 0, "there is no loaded program '%s'", name);
	return -1;
}

struct bpf_link *need_bpf_link(json_object *request)
{
	struct link *link;
	int64_t id;

	if (!need_number(request, "link", 1, INT64_MAX, &id))
		return NULL;
	link = find_link(id);
	if (!link)
		refuse(USAGE, 0, "there is no link %lld", (long long)id);
	else if (!link->bpf)
		refuse(UNSUPPORTED, 0, "link %lld is no bpf_link", (long long)id);
	return link ? link->bpf : NULL;
}

json_object *verb_link_info(json_object *request)
{
	struct bpf_link *link = need_bpf_link(request);
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	json_object *answer;
	int err;

	if (!link)
		return NULL;
	err = bpf_link_get_info_by_fd(bpf_link__fd(link), &info, &size);
	if (err)
		return refuse_libbpf(KERNEL, err, "no information about a link");
	answer = json_object_new_object();
	json_object_object_add(answer, "id", json_object_new_int64(info.id));
	json_object_object_add(answer, "type", json_object_new_int64(info.type));
	json_object_object_add(answer, "program_id", json_object_new_int64(info.prog_id));
	return answer;
}

json_object *verb_link_pin(json_object *request)
{
	struct bpf_link *link = need_bpf_link(request);
	const char *path = need_string(request, "path");
	int err;

	if (!link || !path)
		return NULL;
	err = bpf_link__pin(link, path);
	if (err)
		return refuse_libbpf(KERNEL, err, "'%s' cannot be made", path);
	return json_object_new_object();
}

/* Another struct_ops map takes the place of the one of a link. */
static json_object *update_map(struct bpf_link *link, struct bpf_map *map)
{
	int err = map ? bpf_link__update_map(link, map) : 0;

	if (err)
		return refuse_libbpf(KERNEL, err, "map '%s' cannot be put in place", bpf_map__name(map));
	return map ? json_object_new_object() : NULL;
}

json_object *verb_link_update(json_object *request)
{
	struct object *object = need_live_object(request);
	LIBBPF_OPTS(bpf_link_update_opts, opts);
	struct bpf_link *link = object ? need_bpf_link(request) : NULL;
	int new_fd, old_fd, err;

	if (!link)
		return NULL;
	if (json_object_object_get_ex(request, "map", NULL))
		return update_map(link, need_live_map(object, request, "map"));
	new_fd = program_fd(object, request, "program");
	if (new_fd < 0)
		return NULL;
	if (json_object_object_get_ex(request, "expected", NULL)) {
		old_fd = program_fd(object, request, "expected");
		if (old_fd < 0)
			return NULL;
		opts.flags = BPF_F_REPLACE;
		opts.old_prog_fd = old_fd;
	}
	err = bpf_link_update(bpf_link__fd(link), new_fd, &opts);
	if (err)
		return refuse_libbpf(KERNEL, err, "the link cannot be updated");
	return json_object_new_object();
}

json_object *verb_detach(json_object *request)
{
	struct link **place, *link;
	int64_t id;
	int err;

	if (!need_number(request, "link", 1, INT64_MAX, &id))
		return NULL;
	for (place = &links; *place && (*place)->id != id;)
		place = &(*place)->next;
	link = *place;
	if (!link)
		return refuse(USAGE, 0, "there is no link %lld", (long long)id);
	*place = link->next;
	err = undo(link);
	if (err)
		return refuse_libbpf(KERNEL, err, "link %lld", (long long)id);
	return json_object_new_object();
}

void close_links_of(const struct object *object)
{
	struct link **place = &links, *link;

	while ((link = *place)) {
		if (link->object == object) {
			*place = link->next;
			undo(link);
		} else {
			place = &link->next;
		}
	}
}
