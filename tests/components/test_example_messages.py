"""Our declaration of `tf.train.Example` beside TensorFlow's."""

import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from components.example_messages import Example

VALUES = st.one_of(
    st.tuples(st.just("bytes_list"), st.lists(st.binary(max_size=20), max_size=4)),
    st.tuples(st.just("float_list"), st.lists(st.floats(width=32, allow_nan=False), max_size=4)),
    st.tuples(st.just("int64_list"), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4)),
)


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=6))
def test_both_write_the_same_bytes_and_read_those_of_the_other(features):
    ours, theirs = Example(), tf.train.Example()
    for message in (ours, theirs):
        for name, (value_list, values) in features.items():
            getattr(message.features.feature[name], value_list).value.extend(values)
    written = ours.SerializeToString(deterministic=True)
    assert written == theirs.SerializeToString(deterministic=True)
    assert tf.train.Example.FromString(written) == theirs
    assert Example.FromString(written) == ours
