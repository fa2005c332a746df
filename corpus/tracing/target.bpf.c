/* Two programs with a global function that others replace, or watch. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__attribute__((noinline)) int verdict(struct __sk_buff *packet)
{
	return packet->len ? 11 : 12;
}

SEC("tc")
int first(struct __sk_buff *packet)
{
	return verdict(packet);
}

SEC("tc")
int second(struct __sk_buff *packet)
{
	return verdict(packet) + 10;
}

char LICENSE[] SEC("license") = "GPL";
