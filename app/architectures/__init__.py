"""Networks as programs over shapes, each as its reference implementation computes it, and the readers that build them."""
