/* What the files that attach programs share. */
#pragma once

#include "subject.h"

struct link {
	int64_t id;
	struct object *object;
	struct bpf_link *bpf; /* NULL for all the following */
	int socket;           /* with a program on it, or -1 */
	bool is_reuseport;    /* the program chooses within the socket's group */
	struct bpf_tc_hook hook; /* of a classifier, else sz is 0 */
	struct bpf_tc_opts filter;
	bool made_qdisc;
	int xdp_ifindex; /* of XDP by netlink, else 0 */
	uint32_t xdp_flags;
	int target; /* of BPF_PROG_ATTACH, a descriptor of ours, or -1 */
	enum bpf_attach_type attach_type;
	int prog_fd; /* what is attached, of the two kinds above and of a socket */
	struct link *next;
};

/* What attaching needs besides the link that it fills in. True, or false after a refusal. */
typedef bool attach_function(struct bpf_program *program, json_object *target, struct link *link);

/* device.c */
attach_function attach_xdp, attach_tc, attach_tcx, attach_netkit;
/* socket.c */
attach_function attach_socket, attach_reuseport, attach_sockmap;
/* network.c */
attach_function attach_cgroup, attach_netns, attach_netfilter;
/* probe.c */
attach_function attach_kprobe, attach_ksyscall, attach_kprobe_multi;
attach_function attach_uprobe, attach_uprobe_multi, attach_usdt;
attach_function attach_tracepoint, attach_raw_tracepoint, attach_perf_event;

/* tracing.c */
attach_function attach_tracing, attach_freplace;
/* iterator.c */
attach_function attach_iterator;

bool keep_bpf_link(struct bpf_program *program, struct bpf_link *bpf, struct link *link);
/* By BPF_PROG_ATTACH; the link takes over `target`, also after a refusal. */
bool keep_prog_attach(struct bpf_program *program, int target, const struct bpf_prog_attach_opts *opts,
		      struct link *link);
struct link *find_link(int64_t id);
/* The bpf_link of a request's link. */
struct bpf_link *need_bpf_link(json_object *request);

/* The place among other programs that a target asks for. */
struct place {
	uint32_t flags;
	int fd;
	uint64_t revision;
};
bool take_place(json_object *target, const struct link *link, struct place *place);

/* The index of the argument's value among `names`, or -1 after a refusal; `missing` if it is absent. */
int choice(json_object *target, const char *name, const char *const *names, size_t count, int missing);
enum { INGRESS, EGRESS };
int need_direction(json_object *target);

/* A classifier's qdisc that nobody uses any more is removed, if it is ours. */
int detach_classifier(struct link *link, struct link *links);
int detach_xdp(struct link *link);
