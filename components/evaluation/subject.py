"""What an evaluation is of, by digests. Imports no TensorFlow."""

from dataclasses import dataclass

# Custom properties, of the evaluation and of the blessing.
MODEL_DIGEST, EVALUATION_DIGEST = "model_digest", "evaluation_digest"


@dataclass(frozen=True)
class Subject:
    """What is decided on: exactly this model, by exactly this evaluation (digests)."""

    model: str
    evaluation: str
