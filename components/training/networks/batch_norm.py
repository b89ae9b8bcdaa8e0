"""Batch normalisation that is fast on TensorFlow, too."""

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable("ships")
class BatchNormalization(layers.BatchNormalization):
    """As Keras', by TensorFlow's fused kernels where it is the backend. For maps [N, H, W, channels].

    Keras composes it of some ten operations, of which each goes over the whole map. On two cores, for 8 maps
    of 256 x 256 x 8, that makes 23 ms a training step with a ReLU, fused 6; the convolution before takes 9.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the statistics of the batch while training, else by the stored ones."""
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf  # noqa: PLC0415 - other backends do without

        normalise = tf.compat.v1.nn.fused_batch_norm
        stored = (self.moving_mean, self.moving_variance)
        if not (training and self.trainable):
            outputs, _, _ = normalise(
                inputs, self.gamma, self.beta, *stored, epsilon=self.epsilon, is_training=False
            )
            return outputs
        outputs, mean, variance = normalise(inputs, self.gamma, self.beta, epsilon=self.epsilon)
        # The kernel tells the variance of what the batch is a sample of; Keras stores that of the batch.
        count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], variance.dtype)
        for value, found in zip(stored, (mean, variance * (count - 1) / count), strict=True):
            value.assign(value * self.momentum + found * (1 - self.momentum))
        return outputs
