"""Files to tensors and back: pictures, clips, sound, folders.

No models live here, and importing this package loads nothing: take what you need from its modules.
"""
