"""What went wrong and what to do about it, in words for the person at the microscope.

No error here derives from ``RuntimeError``: superqt's generator worker swallows that type without a signal.
"""

from __future__ import annotations


class UNetError(Exception):
    """Anything this package reports to its user.

    Parameters
    ----------
    problem : str
        What is wrong, as one sentence a biologist understands.
    remedy : str, optional
        What to do about it, as one sentence.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()


class InputError(UNetError):
    """Images, labels or settings that cannot be used as they are."""


class ShapeMismatchError(InputError):
    """Image and labels do not cover the same pixels."""


class AnnotationError(InputError):
    """There is nothing, or not enough, to learn from in the labels."""


class AmbiguousAnnotationError(AnnotationError):
    """The labels could be scribbles, masks or objects; the user has to say which."""


class ModelFileError(UNetError):
    """A model file that cannot be read: truncated, newer than this version, or not a model."""


class ForeignModelError(ModelFileError):
    """A sound file of weights, but another program's: a reader leaves it to others."""


class StorageError(UNetError):
    """A folder without write permission, or a full disk."""


class SessionError(UNetError):
    """A session or a project folder that cannot be opened: damaged, newer than this version, or not one."""


class DeviceError(UNetError):
    """The chosen device cannot do the work."""


class OutOfMemoryError(DeviceError):
    """The smallest batch or tile still does not fit into memory."""


class TrainingDivergedError(UNetError):
    """Training produced no finite weights."""


class JobLostError(UNetError):
    """The process that did the work ended without finishing it."""
