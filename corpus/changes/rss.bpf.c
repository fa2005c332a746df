/* mm_struct.rss_stat: one struct of atomic counters until 6.1, an array of per-CPU counters since 6.2 (f1a7941243c1). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define MM_FILEPAGES 0
#define MM_ANONPAGES 1
#define MM_SHMEMPAGES 3

struct percpu_counter {
	__s64 count;
} __attribute__((preserve_access_index));

struct mm_struct {
	struct percpu_counter rss_stat[4];
} __attribute__((preserve_access_index));

typedef struct {
	__s64 counter;
} atomic_long_t;

struct mm_rss_stat {
	atomic_long_t count[4];
} __attribute__((preserve_access_index));

struct mm_struct___before_6_2 {
	struct mm_rss_stat rss_stat;
} __attribute__((preserve_access_index));

struct task_struct {
	struct mm_struct *mm;
} __attribute__((preserve_access_index));

const volatile __u32 target_pid;

__s64 shared_pages = -1, anonymous_pages = -1;

SEC("raw_tp/task_rename")
int read_rss(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct mm_struct___before_6_2 *older = (void *)mm;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	if (bpf_core_type_exists(struct mm_rss_stat)) {
		shared_pages = BPF_CORE_READ(older, rss_stat.count[MM_FILEPAGES].counter) +
			       BPF_CORE_READ(older, rss_stat.count[MM_SHMEMPAGES].counter);
		anonymous_pages = BPF_CORE_READ(older, rss_stat.count[MM_ANONPAGES].counter);
	} else {
		shared_pages = BPF_CORE_READ(mm, rss_stat[MM_FILEPAGES].count) +
			       BPF_CORE_READ(mm, rss_stat[MM_SHMEMPAGES].count);
		anonymous_pages = BPF_CORE_READ(mm, rss_stat[MM_ANONPAGES].count);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
