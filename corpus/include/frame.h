/* The lab's own Ethernet frames: an ethertype that nothing else on a link uses, then a payload. */
#pragma once

#include <linux/types.h>

#define ETH_P_BPFLAB 0x88b5 /* IEEE 802: local experimental ethertype 1 */
#define PAYLOAD_OFFSET 14

struct frame {
	__u8 destination[6];
	__u8 source[6];
	__be16 protocol;
	__u8 payload[];
};
