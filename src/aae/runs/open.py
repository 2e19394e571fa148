"""Opens a run directory: configuration, model, data and split."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from aae.data.arrays import same_images, shape_remedy
from aae.data.builtin import is_builtin
from aae.data.dataset import Dataset, ReadOptions
from aae.data.facts import list_some, valid_facts
from aae.data.sources import is_array_file, is_image_source, load_data
from aae.data.splits import Split
from aae.data.tables import names_of_columns, table_kind
from aae.evaluation import inference
from aae.evaluation.by_class import ByClass, by_class
from aae.evaluation.sample_quality import SampleQuality, sample_quality
from aae.model.artifact import load
from aae.model.autoencoder import Autoencoder
from aae.model.component import fits
from aae.model.frozen import IMAGE
from aae.model.pictures import PictureFormat
from aae.presets.options import current_names
from aae.runs.changes import other_rows, own_rows, with_model_classes
from aae.runs.cross_validation import CrossValidation, saved_cross_validation, with_all_labels
from aae.runs.encoders import encoder_of, with_encoder
from aae.runs.prepare import LENGTHS
from aae.system.errors import AAEError, UsageError
from aae.system.progress import say
from aae.training.rundir import RunDir

__all__ = ["Run", "load_run_data", "load_run_model", "of_new_files", "open_run", "read_config", "read_options",
           "reading_for"]  # fmt: skip

NO_FOLDS = (
    "The cross-validation of this run did not finish, so these metrics are of rows that the model was trained on and "
    "too optimistic; `aae train PRESET --out RUN --resume` finishes it."
)
OF_FILES = ("decimal", "delimiter", "encoding", "missing", "key_column")  # options that say how a table is written


@dataclass
class Run:
    """A finished (or interrupted) run and its data."""

    directory: RunDir
    config: dict[str, Any]
    model: Autoencoder
    data: Dataset
    split: Split
    cross_validation: CrossValidation | None = None
    notes: tuple[str, ...] = ()  # what a reader of its metrics must know of its data

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Class probabilities of the test rows; several plots need them."""
        if self.cross_validation is not None:
            return self.cross_validation.probabilities
        return inference.classify(self.model, self.data.test_x)

    @cached_property
    def by_class(self) -> ByClass | None:
        """The labelled test rows by true and predicted class; None without such classes."""
        category = self.model.category
        known = self.probabilities if category is not None and category.posterior is not None else None
        return by_class(self.model, self.data, self.split, known)

    def explore(self, rows: int = 5000, height: int = 720) -> Any:
        """The explorer of this run for a notebook: `aae.explore`, found when called, as it stands on this module."""
        import aae

        return aae.explore(self, rows, height)

    @cached_property
    def sample_quality(self) -> SampleQuality | None:
        """How near samples are to the test rows of a table; None for others."""
        return sample_quality(self.model, self.data, self.split)


def open_run(
    path: str | Path,
    data: str | None = None,
    strict: bool = False,
    given: ReadOptions | None = None,
    components: Iterable[type] | type = (),
) -> Run:
    """Load a run's model and data. What has changed in the data since the training is said on standard error.

    Args:
        path: The run directory.
        data: Other data to use with the model, whose rows are all test rows; those of the run if not given.
        strict: Refuse other data with categories that the model has not seen, or images that cannot be read.
        given: How the other data are written and which column holds their labels, if they are a table; a labels file
            may also be of the run's own data.
        components: Classes of your own that the model is made of.

    Raises:
        AAEError: Not a run, or its model or data cannot be read.
    """
    directory = RunDir(path)
    config = read_config(directory)
    chosen = (*of_new_files(ReadOptions(), given).chosen, *(["label_column"] if given and given.label_column else []))
    labels_file = None if given is None else given.labels_file
    if data is None and labels_file is not None:
        config["reading"] = {**config.get("reading", {}), "labels_file": labels_file}
    if chosen and (data is None or is_builtin(data) or table_kind(data) is None):
        flag = chosen[0].replace("_", "-")
        raise UsageError(f"--{flag} describes a table given with --data; {data or 'there'} is none.")
    model = load_run_model(directory, components)
    own = data is None
    rows = load_run_data(config, path, model, given) if own else _other_data(str(data), model, config, strict, given)
    if rows.shape != model.shape and same_images(rows.shape, model.shape) and isinstance(rows.x, np.ndarray):
        rows = replace(rows, x=rows.x.reshape(-1, *model.shape), test_x=rows.test_x.reshape(-1, *model.shape))
    if rows.shape != model.shape:
        now = f"{config['data']} now has" if data is None else f"{data} has"
        raise AAEError(f"The model takes rows of shape {model.shape}, but {now} rows of shape {rows.shape}"
                       f"{shape_remedy(model.shape)}.")  # fmt: skip
    if data is None:
        view = own_rows(rows, config, directory)
    else:
        view = other_rows(rows, data, config, directory, named=model.classes is not None)
    for note in rows.notes if data is not None or view.notes else ():  # those of unchanged data were said in training
        say(f"Note: {note}")
    rows, split, notes = with_model_classes(view, model.classes)
    folds = None
    if rows.cross_validated and not view.notes:
        folds = saved_cross_validation(directory, rows)
        notes = notes if folds is not None else (*notes, NO_FOLDS)
    for note in notes:
        say(f"Warning: {note}")
    return Run(directory, config, model, rows, split, folds, notes)


def load_run_model(directory: RunDir, components: Iterable[type] | type = ()) -> Autoencoder:
    """The model of a run.

    Raises:
        AAEError: The training did not finish, or the model cannot be read.
    """
    return load(directory.model if directory.model.is_dir() else directory.path, components)


def load_run_data(
    config: dict[str, Any], path: str | Path, model: Autoencoder | None = None, given: ReadOptions | None = None
) -> Dataset:
    """Read the data of a run again.

    Args:
        config: Its configuration.
        path: Its directory, for messages.
        model: If given, columns are read as this model reads them, and images in its size.
        given: Where its frozen encoder lies now, if not where it was.

    Raises:
        AAEError: They are no longer there, or cannot be read.
    """
    spec = config["data"]
    elsewhere = f"evaluate the model on other data with `aae evaluate {path} --data FILE`."
    if config.get("data_in_memory"):
        raise AAEError(f"{path} was trained on rows in memory ({spec}), which cannot be read again; {elsewhere}")
    if Path(spec).is_absolute() and not Path(spec).exists():
        raise AAEError(f"No data at {spec}, which {path} was trained on; put them back, or {elsewhere}")
    options = read_options(config)
    reading = with_encoder(options, encoder_of(config), given, options.features)
    if reading.encoder is not None:
        if model is not None and model.pictures is not None:
            reading = replace(reading, pictures=model.pictures.for_others())
    elif model is not None and is_image_source(spec):  # whatever was added to the folder since
        alike = reading_for(model)
        reading = replace(reading, image_size=alike.image_size, colour=alike.colour, pictures=alike.pictures)
    elif model is not None and is_array_file(spec):
        reading = replace(reading, pictures=model.pictures or PictureFormat())
    rows = load_data(spec, reading, *((model.table, model.classes or []) if model is not None else ()))
    return with_all_labels(rows, config["seed"]) if config.get("cross_validated") else rows


def read_config(run: RunDir) -> dict[str, Any]:
    """A run's configuration, checked for all that is needed to open or continue the run."""
    config = run.config()
    preset = ("changes", "length", "device", "precision") if "preset" in config else ()
    needed = ["data", "labels", "split", "seed", *preset]
    missing = [name for name in needed if name not in config]
    if missing:
        raise AAEError(f"{run.path / 'config.json'} lacks {', '.join(missing)}; copy the file again.")
    unknown = [name for name in config.get("length", {}) if name not in LENGTHS]
    if unknown:
        known = ", ".join(LENGTHS)
        raise AAEError(f"{run.path / 'config.json'} gives a length in {unknown[0]!r}; a length is in one of {known}.")
    if not 0 <= config["seed"] < 2**63:
        raise AAEError(f"{run.path / 'config.json'} gives {config['seed']} as seed; a seed is 0 or more, below 2^63.")
    if "data_facts" in config and not valid_facts(config["data_facts"]):
        raise AAEError(f"{run.path / 'config.json'} has an invalid description of the data; copy the file again.")
    for name in {"changes", "options"} & config.keys():  # runs of older versions use old names
        config[name] = current_names(config[name])[0]
    return config


def read_options(config: dict[str, Any]) -> ReadOptions:
    """The read options of a run.

    Raises:
        AAEError: The options in the configuration are not valid.
    """
    given, kinds = config.get("reading", {}), get_type_hints(ReadOptions)
    invalid = next((name for name in given if name not in kinds or not fits(given[name], kinds[name])), None)
    if invalid is not None:
        raise AAEError(f"The run's config.json does not say how its data were read ({invalid} is not valid).")
    return ReadOptions(**given)


def _other_data(
    data: str, model: Autoencoder, config: dict[str, Any], strict: bool, given: ReadOptions | None
) -> Dataset:
    """Other data, read in the format of the model: size and colours of images, columns of tables."""
    labels_file = None if given is None else given.labels_file
    if model.frozen_encoder is not None and not is_array_file(data):
        own = read_options(config)
        new = replace(of_new_files(own, given), label_column=own.label_column, strict=strict, labels_file=labels_file)
        reading = reading_for(model, new, given, own)
        if table_kind(data) is None:  # the texts of a folder, or images
            reading = replace(reading, text_column=None, label_column=None)
        return load_data(data, reading, model.table, model.classes or [])
    if is_image_source(data):
        alike = replace(reading_for(model), strict=strict, labels_file=labels_file)
        return load_data(data, alike, classes=model.classes or [])
    reading = ReadOptions()
    if table_kind(data) is not None:
        options = read_options(config)
        reading = replace(of_new_files(options, given), strict=strict)
        column = _label_column(data, model, reading, options.label_column, given)
        if column is None and labels_file is None and model.classes:
            found = load_data(data, reading, model.table, model.classes)
            return replace(found, notes=(*found.notes, *_unused_columns(data, model, reading)))
        reading = replace(reading, label_column=column)
    elif is_array_file(data):
        reading = ReadOptions(pictures=model.pictures or PictureFormat())
    return load_data(data, replace(reading, labels_file=labels_file), model.table, model.classes or [])


def _label_column(
    data: str, model: Autoencoder, reading: ReadOptions, own: str | None, given: ReadOptions | None
) -> str | None:
    """The column of another table that holds its labels: the given one, or the run's own.

    Beside a labels file the run's own may be missing.

    Raises:
        UsageError: The model takes the given column as input.
    """
    name = None if given is None else given.label_column
    if name is not None:
        if model.table is not None and name.strip() in map(str, model.table.names):
            raise UsageError(f"The model takes the column {name!r} of {data} as input, so that it cannot hold the "
                             "labels; name another with --label-column.")  # fmt: skip
        return name
    if own is None or given is None or given.labels_file is None:
        return own
    return own if own.strip() in names_of_columns(Path(data), reading) else None


def _unused_columns(data: str, model: Autoencoder, reading: ReadOptions) -> list[str]:
    """A note on the columns in which labels may be, where a classifier is given a table and no column of labels."""
    known = [*(reading.ignore or ()), *(() if model.table is None else map(str, model.table.names))]
    rest = [name for name in names_of_columns(Path(data), reading) if name.strip() not in known]
    if not rest:
        return []
    return [f"No labels were read from {data}; if {list_some([repr(name) for name in rest])} holds them, name it with "
            "--label-column."]  # fmt: skip


def of_new_files(options: ReadOptions, given: ReadOptions | None = None) -> ReadOptions:
    """What the options of a run's data say about other files of the same kind; what is given for these comes first."""
    own = {name: getattr(options, name) for name in OF_FILES}
    new = {} if given is None else {name: value for name in OF_FILES if (value := getattr(given, name)) is not None}
    return ReadOptions(**(own | new), ignore=options.ignore, chosen=tuple(new))


def reading_for(
    model: Autoencoder, reading: ReadOptions | None = None, given: ReadOptions | None = None,
    own: ReadOptions | None = None,
) -> ReadOptions:  # fmt: skip
    """Options for reading a folder of images for a model, or whatever its frozen encoder reads.

    Args:
        model: The model.
        reading: The other options.
        given: Where the frozen encoder lies now, and which column holds texts.
        own: The options of the training.

    Raises:
        AAEError: The rows of the model are not square images.
    """
    reading = with_encoder(reading or ReadOptions(), model.frozen_encoder, given, None if own is None else own.features)
    if model.frozen_encoder is not None:
        column = reading.text_column or getattr(own, "text_column", None)
        column = None if model.frozen_encoder.kind == IMAGE else column
        how = None if model.pictures is None else model.pictures.for_others()
        return replace(reading, pictures=how, text_column=column)
    if len(model.shape) not in (2, 3) or model.shape[0] != model.shape[1]:
        raise AAEError(f"The model takes rows of shape {model.shape}, and a folder of images gives square images.")
    # A model that was not trained on a folder, or by a version that always cut, says nothing more.
    how = (model.pictures or PictureFormat(fit="crop")).for_others()
    return ReadOptions(image_size=model.shape[0], colour=len(model.shape) == 3, pictures=how)
