"""Everything glassdex raises on purpose.

GlassdexError
├── UsageError            the request itself is wrong (exit code 2)
├── InputError            a source of documents cannot be read
├── ModelError            a reader's weights are missing, changed or of an unknown kind
├── SAEError              an SAE folder is malformed, truncated or of the wrong shape
├── FingerprintError      vectors of two different meanings were about to mix
└── StoreError            the index cannot be opened, read or written
    ├── IndexMissingError it is not there
    ├── StoreBusyError    another process holds it
    └── StoreFullError    the disk is full

A message names what was seen, what was wanted and what to do. `code` is the stable,
machine-readable name used in JSON answers.
"""


class GlassdexError(Exception):
    """Base of every deliberate error: catch this one to catch them all."""

    code = "error"
    exit_code = 1


class UsageError(GlassdexError):
    """The request is wrong: an unknown field, a malformed filter, options that contradict."""

    code = "usage"
    exit_code = 2


class InputError(GlassdexError):
    """A source of documents cannot be read at all; single bad records never raise this."""

    code = "input"


class ModelError(GlassdexError):
    """A reader model is missing, is not what its hash says, or is of an unknown kind."""

    code = "model"


class SAEError(GlassdexError):
    """An SAE folder is malformed: names the file and the tensor."""

    code = "sae"


class FingerprintError(GlassdexError):
    """Two fingerprints would mix: names the fields that differ."""

    code = "fingerprint"


class StoreError(GlassdexError):
    """The index could not be opened, read or written."""

    code = "store"


class IndexMissingError(StoreError):
    """No index of that name is there."""

    code = "index_missing"


class StoreBusyError(StoreError):
    """Another process holds the index folder."""

    code = "store_busy"


class StoreFullError(StoreError):
    """The disk that holds the index is full; everything flushed before is safe."""

    code = "store_full"
