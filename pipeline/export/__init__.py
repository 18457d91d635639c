"""The stage export: the trained student as ONNX, in float and int8, with its contract."""
