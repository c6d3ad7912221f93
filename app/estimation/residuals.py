"""How far estimates lay from measured runs, by family: the intervals that the pages show.

Half-widths are shares of the allocated peak. They come from `make accuracy` (tests/ground_truth): the largest residual of each family's
measured cases, at least one percent, and about twice that above, because an under-estimate is the worse error.
"""

from dataclasses import dataclass

from app.estimation.ledger import Basis, Interval


@dataclass(frozen=True, slots=True)
class Residual:
    """Shares by which the truth may lie below and above an estimate, and what that rests on."""

    below: float
    above: float
    basis: Basis = "measured"


# The largest error among the measured runs of each family: decoder 0.9 % of 650 (but for
# two runs of Zamba 2 within one chunk of its scan, 2.2 % above), encoder 1.7 % of 68, encoder-decoder 0.2 % of 27,
# vision 0.0 % of 33, convolutional 0.0 % of 94, diffusion 0.1 % of 52, recurrent 0.5 % of 8.
FAMILIES = {
    "decoder": Residual(0.01, 0.02),
    "encoder": Residual(0.02, 0.035),
    "encoder_decoder": Residual(0.01, 0.02),
    "vision": Residual(0.01, 0.02),
    "convolutional": Residual(0.01, 0.02),
    "diffusion": Residual(0.01, 0.02),
    # DETR and YOLO 0.2 % of 21; torchvision's detectors, which scale and sample on their own, -1.9 to +4.1 % of 7
    "detection": Residual(0.06, 0.04),
    # +21 % of one: as many regions as the sampler allows are taken to hold an object
    "detection_with_masks": Residual(0.25, 0.04),
    "recurrent": Residual(0.03, 0.06),  # cuDNN's reserve space cannot be measured without a GPU
    "dense": Residual(0.02, 0.04),
}
UNMEASURED = Residual(0.10, 0.20, "model")  # a program that no measured case covers, or a framework other than the one measured
# Networks taken for their nearest relative, 245 runs of 69 types of transformers 5.23 (small ones, in which activations weigh more than in
# use): 19 in 20 of the measured peaks lie within these shares, where UNMEASURED held 11 in 20.
RELATIVE = Residual(0.45, 0.95, "model")
SHARDED = Residual(
    0.10, 0.35, "model"
)  # shared states, split matrices, stages, offload: published DeepSpeed and FSDP runs, mostly -8 to +31 %
SIZE_ONLY = Residual(0.35, 0.60, "size only")


def interval(center_bytes: int, fixed_bytes: int, residual: Residual) -> Interval:
    """The interval of an allocated peak that varies by the residual, plus bytes that do not."""
    return Interval(
        low_bytes=fixed_bytes + int(center_bytes * (1 - residual.below)),
        high_bytes=fixed_bytes + int(center_bytes * (1 + residual.above)),
        basis=residual.basis,
    )
