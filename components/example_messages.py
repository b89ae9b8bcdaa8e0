"""`tf.train.Example` without TensorFlow, for processes that have no need of its 350 MB.

The same messages (tensorflow/core/example/example.proto and feature.proto), declared once more, since the
generated classes cannot be imported without the whole of TensorFlow. Kept from the default pool, in which
TensorFlow registers its own. A test holds both to the same bytes.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_PACKAGE = "tensorflow"
_FIELD = FieldDescriptorProto


def _field(number: int, name: str, kind: "int | str", **more: Any) -> FieldDescriptorProto:
    """A field that holds a scalar of a kind or, if that is a name, messages."""
    if isinstance(kind, str):
        more |= {"type_name": f".{_PACKAGE}.{kind}"}
        kind = _FIELD.TYPE_MESSAGE
    return _FIELD(number=number, name=name, type=kind, **{"label": _FIELD.LABEL_OPTIONAL, **more})


def _list(name: str, kind: int) -> DescriptorProto:
    return DescriptorProto(name=name, field=[_field(1, "value", kind, label=_FIELD.LABEL_REPEATED)])


def _declared() -> FileDescriptorProto:
    file = FileDescriptorProto(name="components/example.proto", package=_PACKAGE, syntax="proto3")
    lists = {"BytesList": _FIELD.TYPE_BYTES, "FloatList": _FIELD.TYPE_FLOAT, "Int64List": _FIELD.TYPE_INT64}
    names = ("bytes_list", "float_list", "int64_list")
    feature = DescriptorProto(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, of_list) in enumerate(zip(names, lists, strict=True), 1):
        feature.field.append(_field(number, name, of_list, oneof_index=0))
    entry = DescriptorProto(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.extend([_field(1, "key", _FIELD.TYPE_STRING), _field(2, "value", "Feature")])
    features = DescriptorProto(name="Features", nested_type=[entry])
    features.field.append(_field(1, "feature", "Features.FeatureEntry", label=_FIELD.LABEL_REPEATED))
    example = DescriptorProto(name="Example", field=[_field(1, "features", "Features")])
    file.message_type.extend([*(_list(*one) for one in lists.items()), feature, features, example])
    return file


_POOL = DescriptorPool()
_POOL.Add(_declared())
# A protocol buffer class, about which type checkers know nothing.
Example: Any = GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.Example"))
