/* Benchmarks: the clock, and what is answered. The clock surrounds the measured loop and nothing else. */
#pragma once

#include "subject.h"

int64_t nanoseconds(void);

/* Room for a sample per round, so that nothing else is allocated between two rounds; NULL after a refusal. */
double *need_samples(json_object *request, int64_t *rounds);
json_object *samples_answer(const double *samples, size_t rounds);

/* How often something took how many nanoseconds; what took longer than a bin is there for is kept apart. */
struct histogram {
	uint32_t *bins;
	int64_t *rest;
	size_t rest_count, rest_room;
};
bool make_histogram(struct histogram *histogram);
void count_duration(struct histogram *histogram, int64_t duration);
json_object *histogram_answer(const struct histogram *histogram);
void free_histogram(struct histogram *histogram);
#define scoped_histogram __attribute__((cleanup(free_histogram)))
