/* What every iterator's program gets: where to write to. */
#pragma once

#include <linux/types.h>

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
} __attribute__((preserve_access_index));

/* One value of what the reader reads. */
#define put(meta, value) bpf_seq_write((meta)->seq, &(value), sizeof(value))
