"""Builds the native module: named in setup.py, run by cffi when the package is built.

`optional` makes a missing compiler or Python header a warning: bpflab then runs on
the pure twin.
"""

from pathlib import Path

from cffi import FFI

SOURCES = ("native.c", "events.c", "btf.c")

ffibuilder = FFI()
ffibuilder.cdef("""
uintptr_t bpflab_address(const char *bytes);
intptr_t bpflab_map(int fd, uint64_t size);
void bpflab_unmap(char *at, uint64_t size);
int bpflab_bpf(int cmd, void *attr, unsigned size);
int bpflab_perf_event_open(void *attr, int pid, int cpu, int group_fd, unsigned long flags);
int bpflab_lookup(int fd, const char *key, const char *value, uint64_t flags);
int bpflab_update(int fd, const char *key, const char *value, uint64_t flags);
int bpflab_delete(int fd, const char *key);
int bpflab_next_key(int fd, const char *key, void *next);
uint64_t bpflab_lookup_int(uint64_t table, uint64_t key);
uint64_t bpflab_lookup_word(uint64_t table, const char *key);
int64_t bpflab_lookup_signed(uint64_t table, uint64_t key);
int bpflab_update_int(uint64_t table, uint64_t key, uint64_t value);
int bpflab_delete_int(uint64_t table, uint64_t key);
int bpflab_lookup_many(int fd, const char *keys, unsigned key_size, char *values, unsigned value_size,
                       char *found, unsigned count);
int bpflab_walk(int fd, const char *after, char *keys, unsigned key_size, char *values,
                unsigned value_size, unsigned capacity);
uint64_t bpflab_load(const char *at);
void bpflab_store(char *at, uint64_t value);
int bpflab_ringbuf_scan(const char *data, uint64_t size, uint32_t *spans, unsigned capacity, uint64_t *state,
                        unsigned limit);
int bpflab_perf_drain(const char *data, uint64_t size, unsigned skip, char *out, unsigned room_out,
                      uint32_t *spans, unsigned capacity, uint64_t *state, unsigned limit);
unsigned bpflab_btf_offsets(const uint32_t *words, unsigned count, uint32_t *offsets);
unsigned bpflab_btf_find(const uint32_t *words, const uint32_t *offsets, unsigned count,
                         const char *base, uint32_t base_size, const char *own, uint32_t own_size,
                         const char *names, unsigned names_size, uint32_t *found);
unsigned bpflab_btf_members(const uint32_t *members, unsigned count,
                            const char *base, uint32_t base_size, const char *own, uint32_t own_size,
                            const char *name, uint32_t *found);
unsigned bpflab_btf_index(const uint32_t *words, const uint32_t *offsets, unsigned count,
                          const char *base, uint32_t base_size, const char *own, uint32_t own_size,
                          uint64_t *entries, uint64_t *scratch);
int bpflab_btf_datasecs(uint32_t *words, unsigned count, const uint32_t *offsets, unsigned types,
                        const char *strings, uint32_t strings_size, const char *symbols,
                        unsigned symbols_size, const char *names, uint32_t names_size, uint32_t *found);
int bpflab_btf_ext(const uint32_t *words, unsigned count, uint32_t *found);
""")
ffibuilder.set_source(
    "bpflab.loader.native._native",
    "".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in SOURCES),
    optional=True,
)
