"""The networks: Keras 3 models that take RGB pixels of 0-255 and give logits. They import no TensorFlow.

`registry` builds them by name from settings; the trainers, `components.training.segmenter` and
`components.training.classifier`, are the modules with a `run_fn`.
"""
