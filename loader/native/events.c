/*
 * Finding the samples in ring buffers, where they stay, and draining perf buffers. pure_events.py
 * has the same functions and defines what they do.
 */

enum {
	RINGBUF_BUSY = 1u << 31,
	RINGBUF_DISCARD = 1u << 30,
	RINGBUF_HEADER = 8,

	PERF_RECORD_LOST = 2,
	PERF_RECORD_SAMPLE = 9,
	PERF_HEADER = 8, /* u32 type, u16 misc, u16 size */
};

struct scan {
	uint64_t position; /* where to read; behind what was read */
	uint64_t end;	   /* where the producer is */
	uint64_t stride;   /* from one sample to the next if all have one size and lie close, else 0 */
	uint64_t lost;	   /* grows by what the records say */
};

static uint64_t bpflab_load(const char *at)
{
	return __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE);
}

/*
 * The fence orders a consumer position before the next reading of the producer's: else a record
 * committed in between could stay unnoticed, as the kernel wakes a consumer only if that has
 * read everything before the record.
 */
static void bpflab_store(char *at, uint64_t value)
{
	__atomic_store_n((uint64_t *)at, value, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static int sensible(const struct scan *scan, uint64_t size)
{
	return scan->position <= scan->end && scan->end - scan->position <= size &&
	       scan->position % 8 == 0 && scan->end % 8 == 0;
}

static void put(uint32_t *spans, unsigned count, uint64_t start, uint32_t length)
{
	spans[2 * count] = (uint32_t)start;
	spans[2 * count + 1] = (uint32_t)start + length;
}

static int end_scan(struct scan *scan, const uint32_t *spans, unsigned count, int even, uint64_t position, int error)
{
	scan->stride = even && count > 1 ? spans[2] - spans[0] : 0;
	scan->position = position;
	return count ? (int)count : error;
}

/*
 * Most records are as large as the one before. The loops below take what they know of that one as
 * long as the header is the same: then the next address does not depend on what was just
 * loaded, and the processor loads ahead.
 */
#define KEEP_BRANCH(value) __asm__ volatile("" : "+r"(value)) /* no conditional move instead of it */

static int bpflab_ringbuf_scan(const char *data, uint64_t size, uint32_t *spans, unsigned capacity,
			       uint64_t *state, unsigned limit)
{
	struct scan *scan = (struct scan *)state;
	const uint64_t begin = scan->position, end = scan->end;
	/* The data is mapped twice in a row: what begins before the end goes on behind it. */
	const uint64_t turn = begin & ~(size - 1);
	uint64_t position = begin, known = UINT64_MAX, room = 0;
	uint32_t length = 0, discarded = 0;
	unsigned count = 0;
	int even = 1, changed = 0, error = 0;

	if (!sensible(scan, size))
		return -EBADMSG;
	if (limit < capacity)
		capacity = limit;
	/* After half of the buffer it is time to give room back to the producer. */
	while (position != end && count < capacity && (position - begin < size / 2 || !count)) {
		uint64_t start = position - turn;
		uint32_t header = __atomic_load_n((const uint32_t *)(data + start), __ATOMIC_ACQUIRE);

		if (header != known) {
			if (header & RINGBUF_BUSY)
				break;
			known = header;
			discarded = header & RINGBUF_DISCARD;
			length = header & ~RINGBUF_DISCARD;
			room = ((uint64_t)length + RINGBUF_HEADER + 7) & ~7ull;
			changed = count > 0;
			KEEP_BRANCH(room);
		}
		if (room > end - position) {
			error = -EBADMSG;
			break;
		}
		if (!discarded) {
			even &= !changed;
			put(spans, count++, start + RINGBUF_HEADER, length);
		}
		position += room;
	}
	return end_scan(scan, spans, count, even, position, error);
}

/*
 * `skip` bytes lie between a sample record's header and the u32 that is the sample's size.
 * One copy of all the records takes half as long as one of each sample.
 */
static int bpflab_perf_drain(const char *data, uint64_t size, unsigned skip, char *out, unsigned room_out,
			     uint32_t *spans, unsigned capacity, uint64_t *state, unsigned limit)
{
	struct scan *scan = (struct scan *)state;
	const uint64_t begin = scan->position, end = scan->end, mask = size - 1;
	const uint64_t stop = end - begin < room_out ? end : begin + room_out;
	const uint64_t before = PERF_HEADER + skip + sizeof(uint32_t);
	struct { uint32_t type; uint16_t misc, size; } header = {};
	uint64_t position = begin, known = UINT64_MAX, known_length = UINT64_MAX, room = 0, first;
	unsigned count = 0;
	int even = 1, error = 0;

	if (!sensible(scan, size))
		return -EBADMSG;
	if (limit < capacity)
		capacity = limit;
	while (position != end && count < capacity) {
		/* Records are multiples of 8 bytes: what lies in 8 aligned ones never goes around the end. */
		uint64_t word, lost;
		uint32_t length;

		memcpy(&word, data + (position & mask), sizeof(word));
		if (word != known) {
			known = word;
			known_length = UINT64_MAX;
			memcpy(&header, &word, sizeof(header));
			room = header.size;
			if (room % 8 || room < (header.type == PERF_RECORD_SAMPLE ? before : PERF_HEADER)) {
				error = -EBADMSG;
				break;
			}
			KEEP_BRANCH(room);
		}
		if (room > stop - position) {
			error = room > end - position ? -EBADMSG : 0;
			break;
		}
		if (header.type == PERF_RECORD_SAMPLE) {
			memcpy(&length, data + ((position + before - sizeof(length)) & mask), sizeof(length));
			if (length != known_length) {
				if (length > room - before) {
					error = -EBADMSG;
					break;
				}
				known_length = length;
				even &= !count;
			}
			put(spans, count++, position - begin + before, length);
		} else if (header.type == PERF_RECORD_LOST && room >= PERF_HEADER + 16) {
			/* Behind the event's id. */
			memcpy(&lost, data + ((position + PERF_HEADER + 8) & mask), sizeof(lost));
			scan->lost += lost;
		}
		position += room;
	}
	/* Around the end in two pieces. */
	first = size - (begin & mask);
	if (first > position - begin)
		first = position - begin;
	memcpy(out, data + (begin & mask), first);
	memcpy(out + first, data, position - begin - first);
	return end_scan(scan, spans, count, even, position, error);
}
