/* Shows what programs read over TLS, after OpenSSL has decrypted it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "registers.h"

#define SHOWN 256

struct read {
	const void *buffer;
	const __u64 *length; /* where SSL_read_ex() says how many bytes it read */
};

struct event {
	__u32 pid;
	__u32 length; /* of the data; of which `data` has the beginning */
	char comm[16];
	__u8 data[SHOWN];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct read);
} reads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

const struct event *event_type; /* so that the object says what an event is */

static void entered(const void *buffer, const __u64 *length)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct read read = { .buffer = buffer, .length = length };

	bpf_map_update_elem(&reads, &thread, &read, BPF_ANY);
}

static void returned(__s64 result)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct read *read = bpf_map_lookup_elem(&reads, &thread);
	struct event *event;
	__u64 length = result;

	if (!read)
		return;
	if (read->length && bpf_probe_read_user(&length, sizeof(length), read->length))
		length = 0;
	if (result > 0 && (event = bpf_ringbuf_reserve(&events, sizeof(*event), 0))) {
		event->pid = thread >> 32;
		event->length = length;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		bpf_probe_read_user(event->data, length < SHOWN ? length : SHOWN, read->buffer);
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&reads, &thread);
}

SEC("uprobe/libssl.so.3:SSL_read")
int on_read(struct pt_regs *registers)
{
	entered((void *)SECOND_ARGUMENT(registers), 0);
	return 0;
}

SEC("uretprobe/libssl.so.3:SSL_read")
int on_read_end(struct pt_regs *registers)
{
	returned((int)RETURN_VALUE(registers));
	return 0;
}

SEC("uprobe/libssl.so.3:SSL_read_ex")
int on_read_ex(struct pt_regs *registers)
{
	entered((void *)SECOND_ARGUMENT(registers), (void *)FOURTH_ARGUMENT(registers));
	return 0;
}

SEC("uretprobe/libssl.so.3:SSL_read_ex")
int on_read_ex_end(struct pt_regs *registers)
{
	returned((int)RETURN_VALUE(registers));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
