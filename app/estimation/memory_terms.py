"""The ledger of a moment on the tape: what each category is called, how it comes about, and where that is known from."""

from dataclasses import dataclass

from app.estimation.ledger import Term
from app.tape.recorder import Category, Moment
from app.units import format_binary


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a category is shown."""

    key: str
    label: str
    how: str
    source: str


_HARNESS = "eager PyTorch 2.13, allocation logs of measured runs"
EXPLANATIONS = {
    Category.WEIGHTS: Explanation("weights", "Weights", "each parameter x bytes of its type, rounded to 512 B", "model configuration"),
    Category.BUFFERS: Explanation("buffers", "Buffers", "running statistics and tables", "model configuration"),
    Category.OPTIMIZER_STATES: Explanation(
        "optimizer_states", "Optimizer states", "copies of every trained parameter that the optimizer keeps", "torch.optim; bitsandbytes"
    ),
    Category.AVERAGED_WEIGHTS: Explanation(
        "averaged_weights", "Averaged weights", "a moving average of every trained parameter", "timm, ModelEmaV3; diffusers, EMAModel"
    ),
    Category.GRADIENTS: Explanation("gradients", "Gradients", "one for each trained parameter that backward has reached", _HARNESS),
    Category.WEIGHT_CASTS: Explanation(
        "weight_casts", "16-bit copies of weights", "autocast's copy of each matrix, 2 B a parameter", "aten autocast_mode.cpp"
    ),
    Category.KV_CACHE: Explanation("kv_cache", "Key-value cache", "layers x sequences x positions x heads x sizes", "model configuration"),
    Category.INPUTS: Explanation("inputs", "Inputs", "token ids, images, labels", "workload"),
    Category.ACTIVATIONS: Explanation("activations", "Activations", "tensors that backward needs, layer by layer on the tape", _HARNESS),
    Category.RECOMPUTED: Explanation(
        "recomputed_activations", "Recomputed activations", "one block run again in the backward pass", "torch.utils.checkpoint"
    ),
    Category.LOGITS: Explanation(
        "logits_loss", "Logits and loss", "log-probabilities and their gradients, rows x vocabulary x 4 B each", _HARNESS
    ),
    Category.TEMPORARIES: Explanation("temporaries", "Backward temporaries", "gradients of activations on their way", _HARNESS),
    Category.WORKSPACE: Explanation("kernel_workspace", "Kernel workspaces", "scratch of attention and unpacking kernels", "flash_api.cpp"),
    Category.OPTIMIZER_TEMPORARIES: Explanation(
        "optimizer_temporaries", "Optimizer step", "full copies that the multi-tensor step makes at once", "torch.optim, foreach"
    ),
}


def terms_of(moment: Moment, shares: dict[Category, int], notes: dict[Category, str]) -> list[Term]:
    """A term for each category that is alive: its bytes on one GPU (`shares` where sharding changes them), with the way they come about."""
    terms = []
    for category, explanation in EXPLANATIONS.items():
        whole = moment.bytes_by_category[category]
        count = shares.get(category, whole)
        if count:
            shown = notes.get(category) or explanation.how
            shared = f"; {format_binary(whole)} shared over GPUs" if count < whole else ""
            terms.append(
                Term(
                    key=explanation.key,
                    label=explanation.label,
                    bytes=count,
                    formula=f"{shown} = {format_binary(count)}{shared}",
                    inputs={"bytes_before_sharding": whole},
                    source=explanation.source,
                )
            )
    return terms
