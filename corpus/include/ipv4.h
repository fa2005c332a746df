/* The header of an IPv4 packet in an Ethernet frame. */
#pragma once

#include <linux/types.h>

#define ETHERNET_HEADER 14
#define ETHERTYPE_OFFSET 12
#define ETHERTYPE_IPV4 0x0800

struct ipv4 {
	__u8 version_and_length;
	__u8 service;
	__be16 length;
	__be16 identification;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__sum16 checksum;
	__be32 source;
	__be32 destination;
};

/* The IPv4 header of a frame from `frame` to `end`; 0 if there is none. */
static __always_inline struct ipv4 *ipv4_of(void *frame, void *end)
{
	struct ipv4 *ip = frame + ETHERNET_HEADER;

	if ((void *)(ip + 1) > end)
		return 0;
	return *(__be16 *)(frame + ETHERTYPE_OFFSET) == bpf_htons(ETHERTYPE_IPV4) ? ip : 0;
}
