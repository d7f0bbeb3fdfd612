"""The integer rule by which both sides make the same parameters and inputs: tests/support/tiny_value.h in Python."""
import numpy as np

def hashed(stream, count):
    """count numbers in [-1, 1): the same as tiny_value() in C."""
    with np.errstate(over='ignore'):
        x = np.arange(count, dtype=np.uint32) + np.uint32(stream) * np.uint32(0x9E3779B9)
        x ^= x >> np.uint32(16); x *= np.uint32(0x7FEB352D); x ^= x >> np.uint32(15); x *= np.uint32(0x846CA68B); x ^= x >> np.uint32(16)
    return ((x >> np.uint32(8)).astype(np.float64) / 2.0 ** 23 - 1.0).astype(np.float32)

def name_stream(name):
    h = 2166136261
    for c in name.encode():
        h = (h ^ c) * 16777619 & 0xFFFFFFFF
    return h
