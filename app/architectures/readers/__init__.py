"""Readers: configuration files and layer lists turned into networks."""
