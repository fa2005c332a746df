/* A function of a module (nf_conntrack): looks up a connection that is not there. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define TCP 6
#define CURRENT_NETNS (-1)

/* A declaration alone would not do: it is another kind of type than the kernel's. */
struct nf_conn {
};

struct bpf_ct_opts {
	int netns_id;
	int error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *context, struct bpf_sock_tuple *tuple, __u32 tuple_size,
					 struct bpf_ct_opts *options, __u32 options_size) __ksym;
extern void bpf_ct_release(struct nf_conn *connection) __ksym;

int error;
__u32 found;

SEC("xdp")
int look_up(struct xdp_md *context)
{
	struct bpf_ct_opts options = { .netns_id = CURRENT_NETNS, .l4proto = TCP };
	struct bpf_sock_tuple tuple = { .ipv4 = { .saddr = 1, .daddr = 2, .sport = 3, .dport = 4 } };
	struct nf_conn *connection;

	connection = bpf_xdp_ct_lookup(context, &tuple, sizeof(tuple.ipv4), &options, sizeof(options));
	if (connection) {
		found = 1;
		bpf_ct_release(connection);
	}
	error = options.error;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
