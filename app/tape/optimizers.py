"""Optimizer states and what a step allocates for itself.

Sources: torch/optim (adamw.py, sgd.py, rmsprop.py, adagrad.py; PyTorch 2.13), bitsandbytes 0.48 (block-wise 8-bit states),
transformers' Adafactor, Lion and Muon reference implementations. The foreach copy was measured: AdamW's `_foreach_sqrt` makes one full
copy of the parameters, SGD's weight decay one of the gradients.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from app.tape.recorder import rounded
from app.tape.tensor import Parameter

BLOCK_8BIT = 256  # elements that share one fp32 scale
SMALLEST_8BIT = 4096  # tensors with fewer elements keep fp32 states; so do embedding tables (transformers, Trainer.create_optimizer)
MATRIX = 2  # dimensions
MASTER_ELEMENT = 4  # bytes of an fp32 element


@dataclass(frozen=True, slots=True)
class Rule:
    """How an optimizer stores and steps. `states`: copies of the parameter kept in its own type; `foreach_copies`: full copies that the
    default multi-tensor step makes at once; `loop_copies`: copies of the largest tensor that the single-tensor step makes. `fp32_states`:
    whatever the type of the parameter. `matrices_only`: AdamW steps embedding tables and vectors (torch.optim.Muon takes matrices only)."""

    states: int
    foreach_copies: int
    loop_copies: int
    eight_bit: bool = False
    paged: bool = False
    factored: bool = False
    fp32_states: bool = False
    matrices_only: bool = False


RULES = {
    "adamw": Rule(states=2, foreach_copies=1, loop_copies=2),
    "adam": Rule(states=2, foreach_copies=1, loop_copies=2),
    "adamw_8bit": Rule(states=2, foreach_copies=0, loop_copies=0, eight_bit=True),
    "paged_adamw_8bit": Rule(states=2, foreach_copies=0, loop_copies=0, eight_bit=True, paged=True),
    "paged_adamw": Rule(states=2, foreach_copies=0, loop_copies=0, paged=True, fp32_states=True),
    "sgd": Rule(states=0, foreach_copies=0, loop_copies=0),
    "sgd_momentum": Rule(states=1, foreach_copies=1, loop_copies=1),
    "rmsprop": Rule(states=1, foreach_copies=1, loop_copies=2),
    "adagrad": Rule(states=1, foreach_copies=1, loop_copies=2),
    "adafactor": Rule(states=0, foreach_copies=0, loop_copies=2, factored=True),
    "lion": Rule(states=1, foreach_copies=1, loop_copies=2),
    "muon": Rule(states=1, foreach_copies=0, loop_copies=3, matrices_only=True),
}


def state_bytes(parameter: Parameter, rule: Rule, *, masters: bool = False) -> int:
    """Bytes of the states of one weight, in one block. With `masters`, 16-bit weights have states, and a copy of themselves, in fp32."""
    if masters and parameter.dtype.half:
        return master_bytes(parameter) + _states_of_master(parameter, rule)
    if rule.eight_bit:
        if parameter.size < SMALLEST_8BIT or parameter.table:
            return rule.states * rounded(4 * parameter.size)
        return rule.states * (rounded(parameter.size) + rounded(4 * -(-parameter.size // BLOCK_8BIT)))
    if rule.factored:
        return _factored_bytes(parameter)
    element = MASTER_ELEMENT if rule.fp32_states else parameter.dtype.bytes
    return states_of(parameter, rule) * rounded(element * parameter.size)


def states_of(parameter: Parameter, rule: Rule) -> int:
    """Copies of this parameter that the optimizer keeps."""
    by_adamw = rule.matrices_only and (parameter.table or len(parameter.shape) < MATRIX)
    return RULES["adamw"].states if by_adamw else rule.states


def master_bytes(parameter: Parameter) -> int:
    """Bytes of the fp32 copy that mixed-precision trainers step on, of one weight in one block."""
    return rounded(MASTER_ELEMENT * parameter.size) if parameter.dtype.half else 0


def _states_of_master(parameter: Parameter, rule: Rule) -> int:
    if rule.eight_bit or rule.factored:
        return state_bytes(parameter, rule)
    return states_of(parameter, rule) * rounded(MASTER_ELEMENT * parameter.size)


def _factored_bytes(parameter: Parameter) -> int:
    """Adafactor: a row and a column of fp32 second moments for a matrix, a full one for a vector."""
    if len(parameter.shape) < 2:
        return rounded(4 * parameter.size)
    rows = parameter.size // parameter.shape[-1]
    columns = parameter.size // parameter.shape[-2]
    return rounded(4 * rows) + rounded(4 * columns)


def total_state_bytes(parameters: Iterable[Parameter], rule: Rule, *, masters: bool = False) -> int:
    """States of all trained weights that lie on the GPU."""
    return sum(state_bytes(p, rule, masters=masters) * p.times for p in parameters if p.requires_grad)


def total_average_bytes(parameters: Iterable[Parameter], *, masters: bool = False) -> int:
    """A copy of every trained weight, in its own type; of the fp32 copies where there are such."""
    trained = [p for p in parameters if p.requires_grad]
    return sum((master_bytes(p) if masters and p.dtype.half else rounded(p.bytes)) * p.times for p in trained)


def total_master_bytes(parameters: Iterable[Parameter]) -> int:
    """fp32 copies of all trained 16-bit weights."""
    return sum(master_bytes(p) * p.times for p in parameters if p.requires_grad)


def step_temporaries(parameters: Iterable[Parameter], rule: Rule, implementation: str) -> int:
    """Bytes that one step allocates for itself at its peak: foreach copies whole groups of one type, the loop the largest tensor."""
    trained = [p for p in parameters if p.requires_grad]
    if not trained or (implementation == "fused" and not rule.factored):
        return 0
    if implementation == "foreach" and rule.foreach_copies:
        groups: dict[str, int] = defaultdict(int)
        for parameter in trained:
            groups[parameter.dtype.name] += rounded(parameter.bytes) * parameter.times
        return rule.foreach_copies * max(groups.values())
    return rule.loop_copies * max(rounded(p.bytes) for p in trained)
