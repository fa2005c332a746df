/* The clock of the benchmarks, and what is answered. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

#define BINS (1 << 20)

int64_t nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

json_object *samples_answer(const double *samples, size_t rounds)
{
	json_object *answer = json_object_new_object(), *list = json_object_new_array();
	size_t i;

	for (i = 0; i < rounds; i++)
		json_object_array_add(list, json_object_new_double(samples[i]));
	json_object_object_add(answer, "samples", list);
	return answer;
}

double *need_samples(json_object *request, int64_t *rounds)
{
	double *samples;

	if (!need_number(request, "rounds", 1, 1000000, rounds))
		return NULL;
	samples = calloc(*rounds, sizeof(*samples));
	if (!samples)
		refuse(KERNEL, ENOMEM, "no memory for samples");
	return samples;
}

bool make_histogram(struct histogram *histogram)
{
	histogram->bins = calloc(BINS, sizeof(*histogram->bins));
	if (!histogram->bins)
		refuse(KERNEL, ENOMEM, "no memory for a histogram");
	return histogram->bins;
}

void count_duration(struct histogram *histogram, int64_t duration)
{
	if (duration >= 0 && duration < BINS) {
		histogram->bins[duration]++;
		return;
	}
	if (histogram->rest_count == histogram->rest_room) {
		histogram->rest_room = histogram->rest_room ? 2 * histogram->rest_room : 256;
		histogram->rest = realloc(histogram->rest, histogram->rest_room * sizeof(*histogram->rest));
		if (!histogram->rest)
			abort();
	}
	histogram->rest[histogram->rest_count++] = duration;
}

static int by_value(const void *left, const void *right)
{
	int64_t one = *(const int64_t *)left, other = *(const int64_t *)right;

	return (one > other) - (one < other);
}

static void add_bin(json_object *list, int64_t duration, int64_t number)
{
	json_object *bin = json_object_new_array();

	json_object_array_add(bin, json_object_new_int64(duration));
	json_object_array_add(bin, json_object_new_int64(number));
	json_object_array_add(list, bin);
}

json_object *histogram_answer(const struct histogram *histogram)
{
	json_object *answer = json_object_new_object(), *list = json_object_new_array();
	size_t i, same;

	for (i = 0; i < BINS; i++)
		if (histogram->bins[i])
			add_bin(list, i, histogram->bins[i]);
	if (histogram->rest_count)
		qsort(histogram->rest, histogram->rest_count, sizeof(*histogram->rest), by_value);
	for (i = 0; i < histogram->rest_count; i += same) {
		for (same = 1; i + same < histogram->rest_count; same++)
			if (histogram->rest[i + same] != histogram->rest[i])
				break;
		add_bin(list, histogram->rest[i], same);
	}
	json_object_object_add(answer, "histogram", list);
	return answer;
}

void free_histogram(struct histogram *histogram)
{
	free(histogram->bins);
	free(histogram->rest);
}
