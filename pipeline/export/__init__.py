"""The stage export: the trained student as ONNX, in float, int8 and web form, with its contract."""
