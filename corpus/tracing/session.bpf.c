/* One program at a function's entry and its return, with a word that it keeps from the one to the other. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern _Bool bpf_session_is_return(void *context) __ksym;
extern __u64 *bpf_session_cookie(void *context) __ksym;

const volatile __u32 target_pid;

__u64 entries, returns, kept;

SEC("fsession/set_user_nice")
int on_both(__u64 *arguments)
{
	__u64 *word = bpf_session_cookie(arguments);

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	if (bpf_session_is_return(arguments)) {
		kept = *word;
		returns++;
	} else {
		*word = arguments[1];
		entries++;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
