/* Attaching to network devices: XDP, tc, tcx, netkit. */
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>

#include "link.h"

static bool need_ifindex(json_object *target, int64_t *ifindex)
{
	return need_number(target, "ifindex", 1, INT32_MAX, ifindex);
}

/* libbpf chooses modes by netlink only. */
static bool attach_xdp_by_netlink(struct bpf_program *program, int ifindex, uint32_t flags, struct link *link)
{
	int err;

	link->prog_fd = bpf_program__fd(program);
	err = bpf_xdp_attach(ifindex, link->prog_fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	if (err)
		return refuse_libbpf(KERNEL, err, "program '%s': XDP", bpf_program__name(program));
	link->xdp_ifindex = ifindex;
	link->xdp_flags = flags;
	return true;
}

bool attach_xdp(struct bpf_program *program, json_object *target, struct link *link)
{
	static const char *const modes[] = { "generic", "native", "offload" }, *const ways[] = { "netlink" };
	static const uint32_t flags[] = { XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE, 0 };
	int mode = choice(target, "mode", modes, ARRAY_LENGTH(modes), ARRAY_LENGTH(modes));
	int way = choice(target, "by", ways, ARRAY_LENGTH(ways), ARRAY_LENGTH(ways));
	int64_t ifindex;

	if (mode < 0 || way < 0 || !need_ifindex(target, &ifindex))
		return false;
	if (flags[mode] || way < (int)ARRAY_LENGTH(ways))
		return attach_xdp_by_netlink(program, ifindex, flags[mode], link);
	return keep_bpf_link(program, bpf_program__attach_xdp(program, ifindex), link);
}

int detach_xdp(struct link *link)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = link->prog_fd);

	return bpf_xdp_detach(link->xdp_ifindex, link->xdp_flags, &opts);
}

int need_direction(json_object *target)
{
	static const char *const directions[] = { "ingress", "egress" };

	return choice(target, "direction", directions, ARRAY_LENGTH(directions), -1);
}

bool attach_tc(struct bpf_program *program, json_object *target, struct link *link)
{
	int64_t ifindex, priority = 0, handle = 0;
	int direction = need_direction(target);
	int err;

	if (direction < 0 || !need_ifindex(target, &ifindex) ||
	    !optional_number(target, "priority", 0, UINT16_MAX, &priority) ||
	    !optional_number(target, "handle", 0, UINT32_MAX, &handle))
		return false;
	link->hook = (struct bpf_tc_hook){
		.sz = sizeof(link->hook),
		.ifindex = ifindex,
		.attach_point = direction == INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS,
	};
	link->filter = (struct bpf_tc_opts){
		.sz = sizeof(link->filter),
		.prog_fd = bpf_program__fd(program),
		.priority = priority,
		.handle = handle,
	};
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

/* A clsact qdisc that we made goes with its last filter of ours. */
static void release_qdisc(struct link *link, struct link *links)
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

int detach_classifier(struct link *link, struct link *links)
{
	int err = 0;

	if (link->filter.handle) {
		/* bpf_tc_detach() wants these empty: the filter is found by handle and priority. */
		link->filter.prog_fd = link->filter.prog_id = link->filter.flags = 0;
		err = bpf_tc_detach(&link->hook, &link->filter);
	}
	if (link->made_qdisc)
		release_qdisc(link, links);
	return err;
}

/* libbpf attaches by the type that a program was loaded with. */
static bool need_attach_type(struct bpf_program *program, enum bpf_attach_type type)
{
	if (bpf_program__expected_attach_type(program) == type)
		return true;
	return refuse(UNSUPPORTED, 0, "program '%s': its section '%s' is for another hook",
		      bpf_program__name(program), bpf_program__section_name(program));
}

bool attach_tcx(struct bpf_program *program, json_object *target, struct link *link)
{
	LIBBPF_OPTS(bpf_tcx_opts, opts);
	int direction = need_direction(target);
	struct place place;
	int64_t ifindex;

	if (direction < 0 || !need_ifindex(target, &ifindex) || !take_place(target, link, &place))
		return false;
	opts.flags = place.flags;
	opts.relative_fd = place.fd;
	opts.expected_revision = place.revision;
	if (!need_attach_type(program, direction == INGRESS ? BPF_TCX_INGRESS : BPF_TCX_EGRESS))
		return false;
	return keep_bpf_link(program, bpf_program__attach_tcx(program, ifindex, &opts), link);
}

bool attach_netkit(struct bpf_program *program, json_object *target, struct link *link)
{
	static const char *const ends[] = { "primary", "peer" };
	LIBBPF_OPTS(bpf_netkit_opts, opts);
	int end = choice(target, "end", ends, ARRAY_LENGTH(ends), -1);
	struct place place;
	int64_t ifindex;

	if (end < 0 || !need_ifindex(target, &ifindex) || !take_place(target, link, &place))
		return false;
	opts.flags = place.flags;
	opts.relative_fd = place.fd;
	opts.expected_revision = place.revision;
	if (!need_attach_type(program, end ? BPF_NETKIT_PEER : BPF_NETKIT_PRIMARY))
		return false;
	return keep_bpf_link(program, bpf_program__attach_netkit(program, ifindex, &opts), link);
}
