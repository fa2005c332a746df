/* Links: attaching to where a section name or a target says, and detaching. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "subject.h"

struct link {
	int64_t id;
	const struct object *object;
	struct bpf_link *bpf; /* NULL for the two kinds below */
	int socket;           /* with a filter on it, or -1 */
	struct bpf_tc_hook hook; /* of a classifier, else sz is 0 */
	struct bpf_tc_opts filter;
	bool made_qdisc;
	struct link *next;
};

static struct link *links;

/* What attaching needs besides the link that it fills in. True, or false after a refusal. */
typedef bool attach_function(struct bpf_program *program, json_object *target, struct link *link);

static bool keep_bpf_link(struct bpf_program *program, struct bpf_link *bpf, struct link *link)
{
	link->bpf = bpf;
	if (!bpf)
		refuse_libbpf(KERNEL, errno, "program '%s' cannot be attached", bpf_program__name(program));
	return bpf;
}

static bool attach_section(struct bpf_program *program, json_object *target, struct link *link)
{
	(void)target;
	link->bpf = bpf_program__attach(program);
	if (!link->bpf && errno == EOPNOTSUPP) {
		refuse(USAGE, 0, "program '%s': its section '%s' does not say where to attach it: give a target",
		       bpf_program__name(program), bpf_program__section_name(program));
		return false;
	}
	return keep_bpf_link(program, link->bpf, link);
}

static bool attach_xdp(struct bpf_program *program, json_object *target, struct link *link)
{
	int64_t ifindex;

	if (!need_number(target, "ifindex", 1, INT32_MAX, &ifindex))
		return false;
	return keep_bpf_link(program, bpf_program__attach_xdp(program, ifindex), link);
}

static bool attach_cgroup(struct bpf_program *program, json_object *target, struct link *link)
{
	const char *path = need_string(target, "path");
	bool attached;
	int fd;

	if (!path)
		return false;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		refuse(KERNEL, errno, "cgroup '%s' cannot be opened: %s", path, strerror(errno));
		return false;
	}
	attached = keep_bpf_link(program, bpf_program__attach_cgroup(program, fd), link);
	close(fd);
	return attached;
}

static bool attach_socket(struct bpf_program *program, json_object *target, struct link *link)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = bpf_program__fd(program);
	int64_t ifindex;

	if (!need_number(target, "ifindex", 1, INT32_MAX, &ifindex))
		return false;
	address.sll_ifindex = ifindex;
	/* Protocol 0 receives nothing, so no packet passes before the filter is there. */
	link->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (link->socket >= 0 && !setsockopt(link->socket, SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)) &&
	    !bind(link->socket, (struct sockaddr *)&address, sizeof(address)))
		return true;
	refuse(KERNEL, errno, "program '%s' cannot be attached to a packet socket: %s", bpf_program__name(program),
	       strerror(errno));
	return false;
}

static bool attach_tc(struct bpf_program *program, json_object *target, struct link *link)
{
	const char *direction = need_string(target, "direction");
	bool ingress = direction && !strcmp(direction, "ingress");
	int64_t ifindex;
	int err;

	if (!direction || !need_number(target, "ifindex", 1, INT32_MAX, &ifindex))
		return false;
	if (!ingress && strcmp(direction, "egress")) {
		refuse(USAGE, 0, "argument 'direction' is '%s'; expected 'ingress' or 'egress'", direction);
		return false;
	}
	link->hook = (struct bpf_tc_hook){
		.sz = sizeof(link->hook),
		.ifindex = ifindex,
		.attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS,
	};
	link->filter = (struct bpf_tc_opts){ .sz = sizeof(link->filter), .prog_fd = bpf_program__fd(program) };
	err = bpf_tc_hook_create(&link->hook);
	link->made_qdisc = !err;
	if (!err || err == -EEXIST)
		err = bpf_tc_attach(&link->hook, &link->filter);
	if (!err)
		return true;
	link->filter.handle = 0;
	refuse_libbpf(KERNEL, err, "program '%s' cannot be attached to clsact", bpf_program__name(program));
	return false;
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

/* A clsact qdisc that we made goes with its last filter of ours. */
static void release_qdisc(struct link *link)
{
	struct link *other;

	for (other = links; other; other = other->next) {
		if (other != link && other->hook.sz && other->hook.ifindex == link->hook.ifindex) {
			other->made_qdisc = true;
			return;
		}
	}
	link->hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&link->hook);
}

/* Undoes what was done of an attachment, also of one that failed half-way. */
static int undo(struct link *link)
{
	int err = 0;

	if (link->bpf)
		err = bpf_link__destroy(link->bpf);
	if (link->socket >= 0)
		close(link->socket);
	if (link->filter.handle) {
		/* bpf_tc_detach() wants these empty: the filter is found by handle and priority. */
		link->filter.prog_fd = link->filter.prog_id = link->filter.flags = 0;
		err = bpf_tc_detach(&link->hook, &link->filter);
	}
	if (link->made_qdisc)
		release_qdisc(link);
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
		{ "cgroup", attach_cgroup },
		{ "socket", attach_socket },
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
	link->socket = -1;
	if (!attach_to_link(object, request, link)) {
		undo(link);
		return NULL;
	}
	link->id = next_id();
	link->object = object;
	link->next = links;
	links = link;
	answer = json_object_new_object();
	json_object_object_add(answer, "link", json_object_new_int64(link->id));
	return answer;
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
