"""Simulated cameras, from light to file.

`sensor` is light, lens and sensor, `isp` the processing, `codecs` the files, `cameras` the table of named cameras,
`clips` a whole clip, `drawings` drawn scenes, `jpeg` the codec as tensor functions.
"""
