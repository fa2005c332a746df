/* Calls a helper for GPL-compatible programs without such a licence. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tp/task_rename")
int print(void *ctx)
{
	static const char text[] = "no";

	return bpf_trace_printk(text, sizeof(text));
}

char LICENSE[] SEC("license") = "Proprietary";
