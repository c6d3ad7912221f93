"""How fast: tokens or samples per second of a pass of training or inference on a number of one GPU, and what limits it."""

from app.estimation.speed.decode import ram_traffic
from app.estimation.speed.inference import card_split, inference_speed
from app.estimation.speed.passes import DataFeed, InferencePass, TrainingPass
from app.estimation.speed.training import training_speed

__all__ = ["DataFeed", "InferencePass", "TrainingPass", "card_split", "inference_speed", "ram_traffic", "training_speed"]
