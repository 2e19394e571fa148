"""The database of a search, which workers can share, and error messages for when it is wrong, silent or lost."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aae.system.errors import AAEError, UsageError, first_line
from aae.system.files import is_utf8

__all__ = ["explain_lost_storage", "file_storage", "open_study"]

HEARTBEAT, GRACE = 5, 30  # seconds between heartbeats of a worker, and without one until it counts as dead
CONNECT_TIMEOUT = 10  # seconds
STARTUP_TRIALS = 5  # trials before pruning starts

_EXAMPLES = "sqlite:///study.db for a file or postgresql://user:password@host/database for a PostgreSQL server"
# Without these a worker would wait for hours for a server whose machine is gone.
_TIMEOUTS = {"connect_timeout": CONNECT_TIMEOUT, "keepalives_idle": 30, "keepalives_interval": 10,
             "keepalives_count": 3, "tcp_user_timeout": 60_000}


def file_storage(path: Path) -> str:
    """The URL of a database in a file, whose name may hold what a URL cannot, or be no UTF-8."""
    path = path.resolve()
    if is_utf8(path) and not {*"?#%"} & {*str(path)}:
        return f"sqlite:///{path}"
    with suppress(ImportError):  # told when the study is opened
        from sqlalchemy import URL

        name = f"file:{quote(os.fsencode(path))}"  # SQLite decodes this itself
        return URL.create("sqlite", database=name, query={"uri": "true"}).render_as_string()
    return f"sqlite:///{path}"


def open_study(optuna: Any, storage: str | None, name: str, seed: int) -> tuple[Any, Any]:
    """Create or load a study; returns it and its database."""
    # Workers that share a study must not make the same proposals.
    sampler = optuna.samplers.TPESampler(seed=seed if storage is None else None)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=1)
    if storage is None:
        return optuna.create_study(study_name=name, sampler=sampler, pruner=pruner), None
    url = _address(storage)
    options = _engine_options(url)
    _check_connection(storage, url, options)
    started = time.monotonic()
    for pause in (1, 2, None):
        try:
            database = optuna.storages.RDBStorage(
                url.render_as_string(hide_password=False), options, heartbeat_interval=HEARTBEAT, grace_period=GRACE
            )
            study = _create_or_load(optuna, study_name=name, storage=database, sampler=sampler, pruner=pruner)
            break
        except Exception as error:  # drivers raise all kinds of errors
            # Two workers that start together may both create the tables; the second try finds them.
            if pause is None or time.monotonic() - started > CONNECT_TIMEOUT:
                raise _cannot_open(storage, error, started) from error
            time.sleep(pause)
    return study, _tolerate_failed_heartbeats(database)


def _create_or_load(optuna: Any, **named: Any) -> Any:
    """Create a study, or load the existing one."""
    try:
        return optuna.create_study(**named)
    except optuna.exceptions.DuplicatedStudyError:
        study = optuna.load_study(**named)
    if not study.get_trials(deepcopy=False):
        # The worker that has just created it stores its settings and first trial, which must not happen twice.
        time.sleep(1)
    return study


def _tolerate_failed_heartbeats(database: Any) -> Any:
    """Ignore a failed heartbeat, which would end its thread; the next one makes up for it."""
    write = database.record_heartbeat

    def record(trial: int) -> None:
        with suppress(Exception):
            write(trial)

    database.record_heartbeat = record
    return database


@contextmanager
def explain_lost_storage(optuna: Any, storage: str | None) -> Iterator[None]:
    """Raise an `AAEError` that says so if the connection to the database is lost within the block."""
    try:
        yield
    except AAEError:
        raise
    except Exception as error:
        if storage is None or not any(_is_storage_error(optuna, cause) for cause in _chain(error)):
            raise
        raise AAEError(f"The storage {_without_password(storage)} was lost ({_reason(error)}); "
                       "once it is back, the same command continues the study.") from error


def _is_storage_error(optuna: Any, error: BaseException) -> bool:
    from sqlalchemy import exc

    return isinstance(error, (exc.SQLAlchemyError, optuna.exceptions.StorageInternalError))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes: Optuna raises a second error while it records the first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _address(storage: str) -> Any:
    """The storage as a SQLAlchemy URL; for PostgreSQL with the installed driver."""
    from sqlalchemy import exc, make_url

    try:
        url = make_url(storage)
    except (ValueError, exc.ArgumentError):
        # Without the message and the error of the library, which may contain parts of a password.
        raise UsageError(f"The storage {_without_password(storage)} is not the URL of a database; "
                         f"give {_EXAMPLES}.") from None
    server = url.get_backend_name() != "sqlite"
    if server and "@" in f"{url.host}{url.database}":
        raise UsageError(f"The storage {_without_password(storage)} has more than one @; "
                         "write an @ in a user's name or password as %40.")
    if url.drivername in ("postgres", "postgresql"):
        # The default driver depends on the version of SQLAlchemy.
        driver = "psycopg" if find_spec("psycopg") or not find_spec("psycopg2") else "psycopg2"
        url = url.set(drivername=f"postgresql+{driver}")
    return url


def _engine_options(url: Any) -> dict[str, Any]:
    """Timeouts for SQLAlchemy; those in the URL take precedence."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": 60}}
    # The connection may have been lost since the last trial: test it before every use.
    options: dict[str, Any] = {"pool_pre_ping": True}
    if url.drivername in ("postgresql+psycopg", "postgresql+psycopg2"):
        options["connect_args"] = {name: value for name, value in _TIMEOUTS.items() if name not in url.query}
    return options


def _check_connection(storage: str, url: Any, options: dict[str, Any]) -> None:
    """Connect once, so that a wrong address, password or driver is reported at once."""
    from sqlalchemy import create_engine, exc

    place, started = _without_password(storage), time.monotonic()
    try:
        engine = create_engine(url, **options)
    except exc.NoSuchModuleError as error:
        raise UsageError(f"The storage {place} is not a known kind of database; give {_EXAMPLES}.") from error
    except ImportError as error:
        remedy = f"install it, or give {_EXAMPLES}"
        if url.get_backend_name() == "postgresql":
            remedy = "`pip install 'adversarial-autoencoder[tune]'` installs the one for postgresql:// without a plus"
        raise AAEError(f"The storage {place} needs a driver that cannot be loaded ({first_line(error)}); "
                       f"{remedy}.") from error
    except exc.ArgumentError as error:
        raise UsageError(f"The storage {place} cannot be opened ({first_line(error)}).") from error
    try:
        engine.connect().close()
    except Exception as error:  # drivers raise all kinds of errors
        raise _cannot_open(storage, error, started) from error
    finally:
        engine.dispose()


def _cannot_open(storage: str, error: BaseException, started: float) -> AAEError:
    taken = time.monotonic() - started
    after = f" after {taken:.0f} seconds" if taken >= 1 else ""
    return AAEError(f"The storage {_without_password(storage)} cannot be opened{after} ({_reason(error)}).")


def _reason(error: BaseException) -> str:
    """The message of the driver, which SQLAlchemy and Optuna wrap in their own."""
    *_, first = _chain(error)
    return first_line(first)


def _without_password(url: str) -> str:
    """Hide the password, rather too much than too little: it may contain a colon or an @."""
    hidden = re.sub(r"(://[^:@/]*:).*@", r"\1***@", url)
    return re.sub(r"(?i)(pass\w*=)[^&]*", r"\1***", hidden)
