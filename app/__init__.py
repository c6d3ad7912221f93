"""Rigwise: which machine a machine-learning job needs, and which one to buy."""

__version__ = "0.1.0"
