"""Images and texts as vectors: frozen encoders in ONNX, what goes into them, and what comes out, kept in the cache.

`files` finds an encoder, `encoder` runs it, `preprocessing` and `tokens` make its inputs, `outputs` pools what it
gives, `cache` keeps its vectors, and `opened`, `folders` and `texts` read whole sources with it. Nothing is trained
here, and nothing is executed from a file.
"""
