"""What a network device can do for XDP (kernel 6.3): worth asking before attaching in the driver."""

from __future__ import annotations

import errno
from struct import pack, unpack
from typing import NamedTuple

from ..errors import KernelError, NotSupportedError
from ..lean import IntFlag
from ..netlink import Generic, attribute, attributes, generic_header
from .device import interface_index

_DEV_GET = 1
_IFINDEX, _FEATURES, _ZERO_COPY_SEGMENTS, _METADATA = 1, 3, 4, 5  # NETDEV_A_DEV_*


class XdpFeature(IntFlag):
    """enum netdev_xdp_act."""

    BASIC = 1
    """Programs in the driver; what they return, but for redirection."""
    REDIRECT = 2
    NDO_XMIT = 4
    """It is sent what others redirect."""
    XSK_ZEROCOPY = 8
    HW_OFFLOAD = 16
    RX_SG = 32
    """Packets in several buffers: SEC("xdp.frags")."""
    NDO_XMIT_SG = 64


class XdpMetadata(IntFlag):
    """enum netdev_xdp_rx_metadata: what a program that is bound to the device may ask about a packet."""

    TIMESTAMP = 1
    HASH = 2
    VLAN_TAG = 4


class XdpFeatures(NamedTuple):
    """What a device says of itself; without features only generic mode is left."""

    features: XdpFeature
    metadata: XdpMetadata
    """Since 6.8; empty before."""
    zero_copy_segments: int
    """The most buffers of a packet in AF_XDP's zero copy mode (6.6); 0 for unknown."""


def query_xdp_features(device: str | int) -> XdpFeatures:
    """Ask a device. Raises KernelError, NotSupportedError."""
    action = f"asking what device '{device}' can do for XDP"
    body = generic_header(_DEV_GET) + attribute(_IFINDEX, pack("=I", interface_index(device)))
    with Generic() as netlink:
        try:
            family = netlink.family("netdev", action)
        except KernelError as error:
            if error.errno == errno.ENOENT:
                raise NotSupportedError(action, "kernel 6.3") from None
            raise
        (answer,) = netlink.request(action, family, 0, body)
    told = attributes(answer[4:])
    (features,) = unpack("=Q", told.get(_FEATURES, bytes(8)))
    (metadata,) = unpack("=Q", told.get(_METADATA, bytes(8)))
    (segments,) = unpack("=I", told.get(_ZERO_COPY_SEGMENTS, bytes(4)))
    return XdpFeatures(XdpFeature(features), XdpMetadata(metadata), segments)
