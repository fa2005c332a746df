/* An exception, thrown two functions deep: the callback that the program's tag names has the last word. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define EXCEPTION_CALLBACK(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

extern void bpf_throw(__u64 cookie) __ksym;

volatile __u32 limit = 10;

__noinline int land(__u64 cookie)
{
	return cookie + 1000;
}

static __noinline int check(__u32 length)
{
	if (length > limit)
		bpf_throw(length);
	return length;
}

SEC("tc")
EXCEPTION_CALLBACK(land)
int run(struct __sk_buff *packet)
{
	return check(packet->len) + 1;
}

char LICENSE[] SEC("license") = "GPL";
