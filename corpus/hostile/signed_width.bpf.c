/* Loads a signed number with another width than the kernel's: no load gives the right sign. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	long pid;
} __attribute__((preserve_access_index));

__s64 pid;

SEC("tp_btf/task_rename")
int load_pid(__u64 *arguments)
{
	pid = ((struct task_struct *)arguments[0])->pid;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
