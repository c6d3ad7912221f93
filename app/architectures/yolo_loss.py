"""The loss of YOLOv8 and YOLO11: task-aligned assignment, cross-entropy of all scores, overlap and distances of boxes with an object.

Source: v8DetectionLoss in utils/loss.py, TaskAlignedAssigner in utils/tal.py (ultralytics 8.4).
"""

from app.tape import operators as op
from app.tape.dtypes import BOOL, FP32, INT64
from app.tape.tensor import Tape, Tensor

OBJECTS = 50  # the most in one picture of a batch; mosaics of four COCO pictures hold 29 on average
CANDIDATES = 10  # places that an object may take (tal_topk)
SHARE_INSIDE = 0.02  # of all places that lie in one object: COCO's median object covers 2 % of its picture
SIDES = 4


def detection_loss(boxes: Tensor, scores: Tensor) -> Tensor:
    """The loss of boxes [batch, 4 x bins, places] and scores [batch, classes, places]."""
    boxes, scores = op.contiguous(boxes.transpose(1, 2)), op.contiguous(scores.transpose(1, 2))
    batch, places, numbers = boxes.shape
    spread = op.softmax(boxes.view(batch, places, SIDES, numbers // SIDES))
    sides = op.matmul(spread, spread.tape.empty((numbers // SIDES, 1), spread.dtype)).view(batch, places, SIDES)
    del spread
    targets, corners = assigned(scores)
    narrow = op.cast(targets, scores.dtype)
    of_scores = op.mean(op.binary_cross_entropy(scores, narrow))
    del narrow, corners
    rows = batch * OBJECTS * CANDIDATES
    index = scores.tape.empty((rows,), INT64)
    of_boxes = op.mean(op.take_rows(sides.view(-1, SIDES), index))
    of_distances = op.cross_entropy(op.take_rows(boxes.view(-1, numbers), index), index)
    return op.add(op.add(of_scores, of_boxes), of_distances)


def assigned(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Target scores and corners of all places, worked out without gradients from all pairs of object and place."""
    tape, (batch, places, classes) = scores.tape, scores.shape
    probabilities = tape.empty(scores.shape, scores.dtype)
    pairs = (batch, OBJECTS, places)
    inside = tape.empty(pairs, BOOL)
    overlaps, metric = _metrics(tape, pairs)
    chosen = tape.empty(pairs, BOOL)
    del inside
    best = tape.empty((batch, places), INT64)
    corners = tape.empty((batch, places, SIDES), FP32)
    kinds = tape.empty((batch, places, classes), BOOL)
    masked = tape.empty((batch, places, classes), BOOL)
    del kinds
    targets = tape.empty((batch, places, classes), FP32)
    del probabilities, masked, overlaps, metric, best, chosen
    return targets, corners


def _metrics(tape: Tape, pairs: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Overlap and score of every pair, from those pairs whose place lies inside the object."""
    batch, objects, places = pairs
    masks = tape.empty(pairs, FP32), tape.empty(pairs, BOOL)
    inside = int(SHARE_INSIDE * batch * objects * places)
    rows = [tape.empty((inside,), INT64) for _ in range(3)]
    corners = [tape.empty((inside, SIDES), FP32) for _ in range(2)]
    found = tape.empty(pairs, FP32), tape.empty(pairs, FP32)
    del masks, rows, corners
    return found
