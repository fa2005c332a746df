#pragma once

/*
 * Adds one, whole, on any CPU. Relaxed: clang 20 and newer make a fetching add of anything stricter
 * (__sync_fetch_and_add too), which kernels before 5.12 refuse (5ca419f2864a).
 */
#define add_one(counter) ((void)__atomic_fetch_add(&(counter), 1, __ATOMIC_RELAXED))
