"""Where a result comes from: code, files, packages; what a process read; and the one cache, keyed by all of them.

`imports.modules_used` follows imports, `code` hashes what they say, `files` hashes data, `versions` names packages,
`wheels` checks the anatomies, `reads` notes what a process read, `inputs` hashes each again by its name, `cache`
keeps derived arrays on disk, and `training` says of which code and data a weight file is. Nothing here imports torch.
"""
