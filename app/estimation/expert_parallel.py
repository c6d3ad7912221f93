"""Expert parallelism: each GPU keeps some of the experts of every layer, and tokens travel to the experts that they are sent to.

Routing is taken to be balanced, as the trainers' auxiliary losses make it. Tokens are copied once more before they leave and once more
when they return. Sources: Lepikhin et al. 2021 (GShard), Rajbhandari et al. 2022 (DeepSpeed-MoE), Megatron-LM's MoE layer.
"""

from app.architectures.network import Inputs, Network
from app.tape.dtypes import DType
from app.tape.tensor import Parameter
from app.workloads.fields import invalid_field

FIELD = "parallelism.expert"
COPIES = 2  # of the rows that one layer exchanges: to be sent, and received


def routed_experts(network: Network) -> list[Parameter]:
    """The weights of all routed experts, [experts, ...]; empty in a dense network."""
    return [parameter for path, parameter in network.named_parameters() if "experts" in path.split(".") and not parameter.buffer]


def keep_experts(network: Network, degree: int) -> None:
    """Leaves one GPU's share of the experts. Raises InvalidInput where there are none, or they do not divide."""
    weights = routed_experts(network)
    if not weights:
        raise invalid_field(FIELD, "this network has no experts to divide; leave the field out")
    for weight in weights:
        experts, *rest = weight.shape
        if experts % degree:
            raise invalid_field(FIELD, f"{experts} experts do not divide over {degree} GPUs; choose a degree that divides them")
        weight.shape = (experts // degree, *rest)


def row_bytes(network: Network, inputs: Inputs, dtype: DType, degree: int = 1) -> int:
    """The tokens of one layer, each once for every expert chosen for it; `degree`: over so many GPUs the network's experts lie."""
    experts = degree * max((weight.shape[0] for weight in routed_experts(network)), default=0)
    chosen = round(network.experts_active() * experts)
    hidden, _, _ = network.widths()
    return chosen * inputs.batch * inputs.sequence * hidden * dtype.bytes
