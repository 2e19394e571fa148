"""The database that keeps a search: reached, shared by workers, and what is said when it is wrong, mute or lost."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from aae.system.errors import AAEError, UsageError, first_line

__all__ = ["open_study", "reached"]

HEARTBEAT, GRACE = 5, 30  # seconds: how often a worker says that it lives; how long its silence is borne
ANSWER = 10  # seconds in which a database server must have answered
AHEAD = 5  # trials before the first may be stopped early

_FORMS = "sqlite:///study.db for a file or postgresql://user:password@host/database for a PostgreSQL server"
# Without these a worker would wait for hours on a server whose machine is gone.
_IMPATIENT = {"connect_timeout": ANSWER, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
              "tcp_user_timeout": 60_000}


def open_study(optuna: Any, storage: str | None, name: str, seed: int) -> tuple[Any, Any]:
    """The study, made or found, and the database that keeps it."""
    # Workers that share a study must not make the same proposals.
    sampler = optuna.samplers.TPESampler(seed=seed if storage is None else None)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=AHEAD, n_warmup_steps=1)
    if storage is None:
        return optuna.create_study(study_name=name, sampler=sampler, pruner=pruner), None
    url = _address(storage)
    options = _engine_options(url)
    _knock(storage, url, options)
    begun = time.monotonic()
    for pause in (1, 2, None):
        try:
            kept = optuna.storages.RDBStorage(
                url.render_as_string(hide_password=False), options, heartbeat_interval=HEARTBEAT, grace_period=GRACE
            )
            made = _join(optuna, study_name=name, storage=kept, sampler=sampler, pruner=pruner)
            break
        except Exception as error:  # drivers raise what they like
            # Two workers that start at once may both make the tables; the second finds them made.
            if pause is None or time.monotonic() - begun > ANSWER:
                raise _closed(storage, error, begun) from error
            time.sleep(pause)
    return made, _steady(kept)


def _join(optuna: Any, **named: Any) -> Any:
    """Make a study, or find the one that is there."""
    try:
        return optuna.create_study(**named)
    except optuna.exceptions.DuplicatedStudyError:
        study = optuna.load_study(**named)
    if not study.get_trials(deepcopy=False):
        # Whoever has just made it writes down what it is of and its first trial, which two would make twice.
        time.sleep(1)
    return study


def _steady(kept: Any) -> Any:
    """A heartbeat that cannot be written ends neither its thread nor the worker: the next one makes up for it."""
    write = kept.record_heartbeat

    def record(trial: int) -> None:
        with suppress(Exception):
            write(trial)

    kept.record_heartbeat = record
    return kept


@contextmanager
def reached(optuna: Any, storage: str | None) -> Iterator[None]:
    """Tell in a sentence that the database was lost in the middle of things."""
    try:
        yield
    except AAEError:
        raise
    except Exception as error:
        if storage is None or not any(_of_storage(optuna, cause) for cause in _chain(error)):
            raise
        raise AAEError(f"The storage {_without_password(storage)} was lost ({_reason(error)}); "
                       "once it is back, the same command goes on with the study.") from error


def _of_storage(optuna: Any, error: BaseException) -> bool:
    from sqlalchemy import exc

    return isinstance(error, (exc.SQLAlchemyError, optuna.exceptions.StorageInternalError))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it: Optuna stumbles over the first while it writes down what happened."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _address(storage: str) -> Any:
    """The storage's URL as SQLAlchemy reads it; that of a PostgreSQL server with the driver that is installed."""
    from sqlalchemy import exc, make_url

    try:
        url = make_url(storage)
    except (ValueError, exc.ArgumentError):
        # Without the library's words and its error: they may quote a piece of a password.
        raise UsageError(f"The storage {_without_password(storage)} is not the URL of a database; "
                         f"give {_FORMS}.") from None
    server = url.get_backend_name() != "sqlite"
    if server and "@" in f"{url.host}{url.database}":
        raise UsageError(f"The storage {_without_password(storage)} has more than one @; "
                         "write an @ in a user's name or password as %40.")
    if url.drivername in ("postgres", "postgresql"):
        # Which driver is meant by the bare name depends on SQLAlchemy's version.
        driver = "psycopg" if find_spec("psycopg") or not find_spec("psycopg2") else "psycopg2"
        url = url.set(drivername=f"postgresql+{driver}")
    return url


def _engine_options(url: Any) -> dict[str, Any]:
    """What SQLAlchemy is told about waiting; what the URL itself says comes first."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": 60}}
    # The connection may have been cut since the last trial: ask before every use.
    options: dict[str, Any] = {"pool_pre_ping": True}
    if url.drivername in ("postgresql+psycopg", "postgresql+psycopg2"):
        options["connect_args"] = {name: value for name, value in _IMPATIENT.items() if name not in url.query}
    return options


def _knock(storage: str, url: Any, options: dict[str, Any]) -> None:
    """Connect once, so that an address, a password or a driver that is wrong is told at once."""
    from sqlalchemy import create_engine, exc

    place, begun = _without_password(storage), time.monotonic()
    try:
        engine = create_engine(url, **options)
    except exc.NoSuchModuleError as error:
        raise UsageError(f"The storage {place} is of no kind of database that is known; give {_FORMS}.") from error
    except ImportError as error:
        remedy = f"install it, or give {_FORMS}"
        if url.get_backend_name() == "postgresql":
            remedy = "`pip install 'adversarial-autoencoder[tune]'` brings the one of postgresql:// without a plus"
        raise AAEError(f"The storage {place} needs a driver that cannot be loaded ({first_line(error)}); "
                       f"{remedy}.") from error
    except exc.ArgumentError as error:
        raise UsageError(f"The storage {place} cannot be opened ({first_line(error)}).") from error
    try:
        engine.connect().close()
    except Exception as error:  # drivers raise what they like
        raise _closed(storage, error, begun) from error
    finally:
        engine.dispose()


def _closed(storage: str, error: BaseException, begun: float) -> AAEError:
    taken = time.monotonic() - begun
    after = f" after {taken:.0f} seconds" if taken >= 1 else ""
    return AAEError(f"The storage {_without_password(storage)} cannot be opened{after} ({_reason(error)}).")


def _reason(error: BaseException) -> str:
    """The driver's own words, which SQLAlchemy and Optuna wrap in theirs."""
    *_, first = _chain(error)
    return first_line(first)


def _without_password(url: str) -> str:
    """Hides too much rather than too little: a password may hold a colon or an @."""
    hidden = re.sub(r"(://[^:@/]*:).*@", r"\1***@", url)
    return re.sub(r"(?i)(pass\w*=)[^&]*", r"\1***", hidden)
