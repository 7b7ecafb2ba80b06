"""Everything a user can get wrong, as one tree.

    CeruleanError
    ├── UsageError          an option or argument that cannot be
    ├── ClassTableError     a class table that cannot be read, or a class that is not in it
    ├── StorageError        a file or folder that cannot be read
    │   └── WriteError          a file or folder that cannot be written
    ├── SceneError          a scene that cannot be read
    │   └── GeoreferenceError   where a scene lies cannot be told
    ├── ContextError        a context channel that cannot be made
    ├── LabelError          a label that cannot be read or does not fit its scene
    ├── DatasetError        a data set folder that is broken, or not the one that was asked for
    ├── ModelError          a model, card or checkpoint that cannot be read, or does not fit its input
    ├── TrainingError       training that cannot go on
    │   └── TrainingStopped     training that a signal ended, its checkpoint written
    └── SelectionError      scores, embeddings or an experiment that cannot be used

Each message is one line that names the file or option, what is wrong with it and what would be right.
"""


class CeruleanError(Exception):
    """Base of every error that is the input's fault; the command line ends it with status 2 and no traceback."""


class UsageError(CeruleanError):
    """An option or argument that cannot be."""


class ClassTableError(CeruleanError):
    """A class table that cannot be read, or a class that is not in it."""


class StorageError(CeruleanError):
    """A file or folder that cannot be read."""


class WriteError(StorageError):
    """A file or folder that cannot be written; what else there is to write would fail too."""


class SceneError(CeruleanError):
    """A scene that cannot be read."""


class GeoreferenceError(SceneError):
    """Where a scene lies cannot be told, or is where no grid can follow."""


class ContextError(CeruleanError):
    """A context channel that cannot be made."""


class LabelError(CeruleanError):
    """A label that cannot be read or does not fit its scene."""


class DatasetError(CeruleanError):
    """A data set folder that is broken, or not the one that was asked for."""


class ModelError(CeruleanError):
    """A model, card or checkpoint that cannot be read, or does not fit its input."""


class TrainingError(CeruleanError):
    """Training that cannot go on."""


class TrainingStopped(TrainingError):
    """Training that a signal ended, its checkpoint written; `status` is the exit status that says so."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class SelectionError(CeruleanError):
    """Scores, embeddings or an experiment that cannot be used."""
