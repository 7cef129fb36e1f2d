"""Pictures and videos: decoding, encoding, frame formats and conversions."""
