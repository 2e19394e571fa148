"""Images and texts as vectors: frozen encoders in ONNX, what goes into them, and what comes out, kept in the cache.

`files` finds an encoder, `encoder` runs it, `preprocessing` and `tokens` make its inputs, `cache` keeps its vectors, and
`folders` and `columns` read whole data sets with it. Nothing is trained here, and nothing is executed from a file.
"""
