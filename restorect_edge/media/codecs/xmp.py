"""XMP packets without what they say of parts that a restored file does not have."""

from typing import Any
from xml.dom import minidom
from xml.parsers.expat import ExpatError

__all__ = ["without_parts"]

PARTS = {
    "http://ns.adobe.com/hdr-gain-map/1.0/": ("",),
    "http://ns.apple.com/HDRGainMap/1.0/": ("",),
    "http://ns.google.com/photos/1.0/camera/": ("Motion", "MicroVideo"),
    "http://ns.google.com/photos/1.0/container/": ("",),
    "http://ns.google.com/photos/1.0/depthmap/": ("",),
}
"""Namespaces of gain maps, motion clips and depth, with what the names of their properties begin with."""


def without_parts(packet: bytes) -> bytes:
    """Return a packet without properties of gain maps, motion clips and depth that lie behind the picture.

    A viewer that believes them looks for what is not there. A packet that cannot be parsed is returned as it
    is, like one that has none of them.
    """
    if not any(space.encode() in packet for space in PARTS):
        return packet
    try:
        document = minidom.parseString(packet)
    except (ExpatError, ValueError):
        return packet
    for element in document.getElementsByTagName("*"):
        _strip(element)
    return "".join(node.toxml() for node in document.childNodes).encode()


def _strip(element: Any) -> None:
    for attribute in list(element.attributes.values()):
        if _is_part(attribute):
            element.removeAttributeNode(attribute)
    if _is_part(element) and element.parentNode is not None:
        element.parentNode.removeChild(element)


def _is_part(node: Any) -> bool:
    beginnings = PARTS.get(node.namespaceURI or "", ())
    return bool(beginnings) and (node.localName or "").startswith(beginnings)
