"""Errors, named by the boundary that was crossed when they arose.

    CurationError
    ├── RecipeError          the recipe is wrong: which path, what was found, what would be right
    ├── SourceError          a source as a whole cannot be read (one bad row is a quarantine, not an error)
    ├── StorageError         the storage root cannot be read or written
    │   ├── AlreadyExists    a create-only write met an object of that name
    │   └── Absent           a name that was to be read is not there
    ├── UnstableValue        a value has no stable serial form, so it must not enter a key
    ├── ConservationError    rows in are not rows kept + dropped + quarantined
    ├── GateRefused          a data set may not be published: a row was changed, or licences forbid it
    ├── EndpointError        an endpoint did not answer a request, after all retries
    │   ├── BatchRefused     an endpoint will not do what was asked with a batch
    │   │   └── BatchGone    it has no such batch, file or service
    │   ├── Unreachable      nobody knows whether an endpoint did what was asked with a batch
    │   └── UnknownPrice     a model has no price: nothing may be asked of it
    ├── RejectedRequest      an endpoint will not answer this one request, however often it is asked
    ├── LeaseLost            somebody else has taken over the buckets that a shard was worked on
    ├── Halted               work stopped on purpose, and goes on when a person says so
    │   ├── BudgetReached    the next request may cost more than a budget has left
    │   ├── EngineClosed     a run's own engine died too often
    │   └── TooManyQuarantined   a stage sets aside so many rows that something else must be wrong
    ├── ServiceLost          the Prefect server or Ray went away under a run
    ├── NotStored            a reply is not in the store, and buying is switched off
    └── UnreadableReply      a paid, stored reply cannot be read as what was asked for

Each message names the thing and the way out.
"""

from __future__ import annotations


class CurationError(Exception):
    """Base of every error this project raises on purpose."""


class RecipeError(CurationError):
    """The recipe is wrong; nothing was started."""


class SourceError(CurationError):
    """A source as a whole cannot be read; nothing was spent."""


class StorageError(CurationError):
    """The storage root cannot be read or written."""


class AlreadyExists(StorageError):
    """A create-only write met an object of that name: somebody else was first."""


class Absent(StorageError):
    """A name that was to be read is not there; where compaction may have taken it, the reader looks again."""


class UnstableValue(CurationError):
    """A value has no stable serial form, so it must not enter a fingerprint or a request key."""


class ConservationError(CurationError):
    """Rows in are not rows kept + dropped + quarantined."""


class GateRefused(CurationError):
    """A data set may not be published: rows are not what was verified, or licences forbid it. Nothing was written."""


class EndpointError(CurationError):
    """An endpoint did not answer a request, after all retries."""


class RejectedRequest(CurationError):
    """An endpoint will not answer this one request (too long, malformed); the others are not touched by it.

    `reason` is what its row is quarantined as.
    """

    def __init__(self, message: str, reason: str = "rejected") -> None:
        super().__init__(message)
        self.reason = reason


class BatchRefused(EndpointError):
    """An endpoint will not do what was asked with a batch: not for this account, key or file."""


class BatchGone(BatchRefused):
    """An endpoint has no such batch or file, or no batches at all."""


class Unreachable(EndpointError):
    """An endpoint did not answer about a batch, after all retries: nobody knows whether it did what was asked."""


class UnknownPrice(EndpointError):
    """A model has no price in the table, so nothing may be asked of it."""


class LeaseLost(CurationError):
    """A lease could not be kept: this process made no sign of life for too long, and somebody else took over."""


class Halted(CurationError):
    """Work stopped on purpose. What was in flight is kept, and nothing more is asked until a person says so."""


class BudgetReached(Halted):
    """The next request may cost more than a budget has left."""


class EngineClosed(Halted):
    """A run's own engine died too often, and is not started again until a person says so."""


class TooManyQuarantined(Halted):
    """A stage sets aside so many of its first rows that something is wrong which money will not mend."""


class ServiceLost(CurationError):
    """The Prefect server or Ray went away under a run; what is paid and finished is kept."""


class NotStored(CurationError):
    """A reply is not in the response store, and buying is switched off."""


class UnreadableReply(CurationError):
    """Paid, stored replies that cannot be read as what was asked for.

    `keys` are the request keys of the replies, for the quarantine record.
    """

    def __init__(self, message: str, keys: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.keys = keys
