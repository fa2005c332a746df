/* Tells of every TCP connection that a process makes, and how long the handshake took. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2
#define IPPROTO_TCP 6
enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2 };

struct trace_event_raw_inet_sock_set_state {
	const void *skaddr;
	int oldstate;
	int newstate;
	__u16 sport;
	__u16 dport;
	__u16 family;
	__u16 protocol;
	__u8 saddr[4];
	__u8 daddr[4];
} __attribute__((preserve_access_index));

struct start {
	__u64 time;
	__u32 pid;
	char comm[16];
};

struct event {
	__u64 handshake_ns;
	__u32 pid;
	__u16 source_port;
	__u16 destination_port;
	__u8 source[4];
	__u8 destination[4];
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, const void *);
	__type(value, struct start);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} events SEC(".maps");

const struct event *event_type; /* so that the object says what an event is */

static void begin(const void *socket)
{
	struct start start = { .time = bpf_ktime_get_ns(), .pid = bpf_get_current_pid_tgid() >> 32 };

	bpf_get_current_comm(start.comm, sizeof(start.comm));
	bpf_map_update_elem(&starts, &socket, &start, BPF_ANY);
}

static void established(struct trace_event_raw_inet_sock_set_state *record, const void *socket)
{
	struct start *start = bpf_map_lookup_elem(&starts, &socket);
	struct event *event;

	if (!start)
		return;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->handshake_ns = bpf_ktime_get_ns() - start->time;
		event->pid = start->pid;
		event->source_port = record->sport;
		event->destination_port = record->dport;
		__builtin_memcpy(event->source, record->saddr, sizeof(event->source));
		__builtin_memcpy(event->destination, record->daddr, sizeof(event->destination));
		__builtin_memcpy(event->comm, start->comm, sizeof(event->comm));
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&starts, &socket);
}

SEC("tp/sock/inet_sock_set_state")
int on_state(struct trace_event_raw_inet_sock_set_state *record)
{
	const void *socket = record->skaddr;

	if (record->family != AF_INET || record->protocol != IPPROTO_TCP)
		return 0;
	if (record->newstate == TCP_SYN_SENT)
		begin(socket);
	else if (record->oldstate == TCP_SYN_SENT && record->newstate == TCP_ESTABLISHED)
		established(record, socket);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
