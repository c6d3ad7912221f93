"""What a trainer writes in one checkpoint that training can resume from.

Sources: DeepSpeed and Megatron-LM (mixed precision: 16-bit weights, fp32 master weights and two fp32 Adam moments, 14 B a parameter);
torch.optim state dictionaries; peft (adapters only).
"""

from app.estimation.estimate import Parameters
from app.tape.optimizers import RULES
from app.tape.trace import PRECISIONS
from app.workloads.training import AdapterTuning, TrainingWorkload

MASTER_WEIGHT_BYTES = 4


def checkpoint_bytes(workload: TrainingWorkload, parameters: Parameters) -> int:
    """Bytes of one resumable checkpoint: weights in their type (16-bit under mixed precision), master and averaged weights, states."""
    rule, precision = RULES[workload.optimizer], PRECISIONS[workload.precision]
    state = 1 if rule.eight_bit else MASTER_WEIGHT_BYTES if rule.fp32_states else precision.weights.bytes
    states = rule.states * state * parameters.trainable
    average = precision.weights.bytes * parameters.trainable if workload.weight_averaging else 0
    if isinstance(workload.tuning, AdapterTuning):
        return parameters.trainable * MASTER_WEIGHT_BYTES * (1 + rule.states + workload.weight_averaging)
    weights = precision.weights.bytes if precision.autocast is None else precision.autocast.bytes
    master = 0 if precision.autocast is None else MASTER_WEIGHT_BYTES * parameters.trainable
    return parameters.total * weights + master + states + average
