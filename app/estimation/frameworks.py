"""What a training workload's framework changes: the rule the step is traced under, how sure that is, and what the user will see."""

from app.tape.frameworks import FRAMEWORKS, KERAS_XLA, TENSORFLOW_GRAPH, ExecutionRule
from app.workloads.training import TrainingWorkload


def execution_rule(workload: TrainingWorkload) -> ExecutionRule:
    """How the framework runs the step. Keras compiles with XLA where there is a GPU, TensorFlow where it is asked to."""
    if workload.framework == "keras" and workload.device == "cpu":
        return TENSORFLOW_GRAPH
    if workload.framework == "tensorflow" and workload.compile:
        return KERAS_XLA
    return FRAMEWORKS[workload.framework]
