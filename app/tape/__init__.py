"""Networks as short programs over shapes: tensors without data, operators that know what autograd keeps, and the peak that results."""
