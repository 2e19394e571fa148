"""docs/results.md from the lines that benchmarks/quality.py keeps."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter
from quality_rows import ROWS, TABLE, UNSEEN, WITHOUT, Line

ROOT = Path(__file__).parent.parent
NONE = ""
PAGE, PICTURE = ROOT / "docs/results.md", ROOT / "docs/images/error-over-time.png"

INTRODUCTION = """\
# Results, with seeds and spread

Every figure is of the untouched test images, as mean ± standard deviation over seeds; each seed draws its own labels,
validation rows and initial weights. Errors and leaks are in percent. Settings were chosen on validation images and
are the presets' own for every row and seed. Regenerate with `python benchmarks/quality.py` (about a day on two cores;
`--resume` goes on); the runs are the lines of `benchmarks/results/quality.jsonl`.

*Paper* is Makhzani et al., *Adversarial Autoencoders*, arXiv 1511.05644. Published figures are cited from the papers
named, some at second hand. *Wanted* is what this project set itself beforehand. *Time* is that of one
thread beside one or two other trainings on the same two cores, on the machines named at the end, unless a run was
alone: see below the table. The process of the first run with 1,000 labels stood still for a quarter of an hour.
"""
BEFORE = "by plain distances"  # what rows were called whose settings have been changed since
EXPLANATION = """
- *Before*: not measured yet with the present settings; these are the runs of the last ones (see *Tried and left out*).
- *Style leak*: accuracy of a linear probe that reads the class from the style of test images; 11.35 % is chance.
- *Label obedience*: share of 10,000 images, decoded from a chosen class and a style drawn from the prior, that a
  convolutional classifier trained on all labels (`benchmarks/judge.py`) reads as that class.
- *Clusters* are named after the validation image that each is surest of (the paper's protocol); *matched one to one*
  is the best assignment of ten clusters to ten classes.
- *Parzen log-likelihood* is by the paper's protocol (10,000 samples, bandwidth by validation images). It says little
  about a generator (Theis et al., arXiv 1511.01844) and stands here for comparison only.
"""
TRIED = """
## Tried and left out

Test errors of whole trainings, with the number of seeds in brackets, or what is named.

- *Spreading* in `few-labels`: at the beginning, classes that reach rows from the labels alone by way of nearest ones.
  With 50 labels and fewer it sends whole classes astray. Its runs: {with spreading}.
- Against a kind of row that goes to a wrong class whole, `few-labels`, 50 labels, two draws: share of some 650 crossed
  sevens that are called something else after an eighth of the training. Teaching by nearest rows 2 and 2 %. Without
  it 99 % (one draw), and then: three times the weight between rows 100 and 100 %, no adversary of the class 71 and
  74 %, no adversary of the style 98 and 99 %, targets averaged over augmentations 98 and 98 %, classes aligned with
  their prior 97 and 99 %, erased squares in the augmented images 97 % (one draw), labels alone in the first 400 steps
  99 and 4 %, weaker augmentation 5 and 97 %. Trained to their end without it: {without neighbours}. Among 5,000 rows in
  place of 20,000, and for a fifth of the training in place of a tenth, it sends closed fours to the nines:
  {with neighbours of 5000 rows}.
- Nearest rows by plain distances, which do not overlook what learned changes can do, and in `few-labels` for a tenth of
  the training in place of a fifth: {by plain distances}. Two draws that leave nines among the threes so: validation
  error 1.17 and 1.36 at half of the training, 0.85 and 1.34 as it is now.
- With 20 labels the first draw calls the crossed sevens twos again (138 of 197 errors): both its labelled sevens are
  without a bar. Seven in ten of their five nearest rows are crossed sevens themselves; of the others 65 % are sevens
  and 13 % twos. Walks of several steps along nearest rows lead out too slowly: if the crossed ones are called twos and
  all others are right, one step calls 13 % of them sevens, four 25 % and sixteen 42 %, while 1.8, 2.8 and 3.4 % of all
  rows are wrong.
- `semi-supervised` before changes learned from neighbouring rows: {without transformation}.
- Those changes with 1,000 labels, one draw, 10 passes, validation error: as large as the way to a neighbour and with a
  weight of 1, 1.39; twice as large with a weight of 2, as it is now, 1.24; one and a half as large with a weight of 4,
  1.47 at half of the training against 1.43; two and a half as large, of 16 kinds and with a weight of 4, 1.97 after 4
  passes against 1.55. With them in place of virtual adversarial training, 100 labels and 6 passes, 3.83 against 1.74.
  Teaching by nearest rows for a fifth of the training, 1.62 at half of it, as with a tenth. Of the 115 test images that
  a model of 1,000 labels gets wrong, 93 are wrong with 100 labels too, and 66 with all.
- Before them, 1,000 labels, one draw, judged by validation error (1.27 to 1.32 as it was): Gaussian noise of
  0.3 on hidden layers 1.33; four narrowing layers 1.37; twice the passes 1.27 to 1.36 from a third of the way on;
  consistency under styles redrawn by the decoder 1.39; the worst step in style (after Yu et al., arXiv 1808.06088) 1.33
  at two thirds, as without it; a radius of 0.1 in place of 0.2 for virtual adversarial training 1.77; denoising of
  hidden layers through lateral connections 2.6 at half of the training; a radius of 0.3 1.42. Half the passes (1.55 as
  it was): the teacher's classes as targets of virtual adversarial training 1.46 (with 100 labels and 6 passes 2.17,
  against 1.81 as it was), the same for labelled rows 1.56, mixtures in hidden layers 1.62, worst steps along the
  principal directions of the data 1.84. Whatever was added, the error came to 1.3 or 1.4, and twice the time did not
  lower it (those runs were stopped at two thirds).
- Changes learned from neighbouring rows before the augmentation of `few-labels`, 100 labels, 2 passes, two draws:
  validation error 1.31 and 2.52, against 1.26 and 1.24 without.
- Clusters by fully connected layers and virtual adversarial training, without convolution and augmentation, 20 passes:
  {with fully connected layers}.
- Ten clusters in that model, one seed, 2 to 4 passes, validation error when matched one to one.
  What goes wrong is settled in the first pass: ones are divided by slant, fours and nines share two or three clusters,
  fives lie with threes, sixes or eights. Learned changes 27.9; with teaching by nearest rows 32.0, and
  five times the weight of mutual information 31.4, a fifth 38.5; a tenth of the reconstruction's weight 43.2; no
  gradient from the decoder, no adversary and a head that begins near zero 40.0; merging the two clusters between which
  changed rows cross most often and dividing the largest, nine times, 32.9. Changes twice as large (four times the way
  to a neighbour, weight 3) leave ones whole: 23.3. With teaching by nearest rows as well 24.0, then with four times the
  weight of mutual information 26.4, and with the largest cluster divided wherever one has died out 22.3; with changes
  that fade 21.1: zeros, ones, twos, sixes and eights are then each a cluster of their own, but fives stay with threes
  and nines with fours and sevens, and what is divided dies out again. When mutual information then grows to six times
  its weight as well, 14.8: what is left are fours and nines. To twelve times, with changes that fade faster, 16.5;
  three times the way to a neighbour in place of four, 26.1, with ones divided.
- Ten clusters with convolution and augmentation, 2 passes, validation error when matched one to one, seeds 100, 101
  and 102. Augmentation and mutual information alone 34.3 (one seed): sevens and nines, and twos and threes, are in
  one cluster, and two clusters hold nothing. With teaching by nearest rows, division of the largest cluster and a
  consistency that fades, weight 3, 2.5 (seed 100, at 3 passes), 10.6 and 4.6, when mutual information grows to six
  times its weight; a constant weight four times the first does as well: 3.5 (seed 102). With a consistency that does
  not fade 17.0 (seed 102): what was divided dies out again. Divided only where a cluster has nearly died out, 18.1
  (seed 101). Half the weight of consistency 1.8 (seed 101); a third of it and teaching for longer 3.3 (seed 102),
  where crossed sevens are all among the twos; with consistency between rows 1.5 (seed 102).
- Sixteen and thirty clusters that are held equal four times as firmly as mutual information by itself would have it:
  {with equal clusters}, with four of mutual information for each cluster; {with a third of the mutual information}.
  A class that has 2.6 such clusters shares the third with what is over of another: fives with threes, crossed sevens
  with twos, at a certainty of 0.95. In what follows, 2 passes and validation rows, seeds 101 and 102, the first figure
  is the share of rows in a cluster of mostly another class, the second the error by the names. Thirty clusters, a
  weight of 40, as it suits ten: 9.6 / 15.4 and 7.2 / 8.8, and rows are undecided; of 10, 27.4 / 28.9 and 18.5 / 20.3;
  of 120, 4.4 / 4.4 and 6.2 / 8.3; of 300, 6.8 / 7.7 (seed 102). 120 without the four: 2.0 / 2.0 and 1.9 / 1.9; 40
  without it: 6.3 / 6.3 (seed 102). Ten clusters: 1.5 % of 40 with the four (seed 102), 10.7 of 120 with it, 10.0 of
  120 without, fours and nines in one cluster or in two of both.
  Also tried with the four: a third of the consistency 6.7 / 7.3 (seed 102); no penalty on what is uneven by chance in
  a batch, (K - 1) / 2B nats, 5.7 / 9.5 (seed 102); frequencies of classes as a running mean over ten batches 12.9 /
  13.5 and 2.7 / 2.7, by which ten clusters lose fives to eights and nines to fours; teaching by nearest rows for twice
  as long, at 120, 4.6 / 5.9 (seed 102), but after 4 passes 3.4 / 3.4 with it and 3.1 / 4.4 without.
- All of that with the largest cluster divided at random, in place of the smallest: {divided by size}, with a weight of
  four for each cluster and an equality of forty over their number. Sixteen clusters kept fours and nines together in
  two or three clusters, each a slant of both: 64 with 2.5, 12.2 / 17.5; 120 with 1, 9.4 / 9.4, and 10.6 / 10.6 after 4
  passes (seed 102). With 120 and 1: the largest divided by 2-means of its features 12.2 / 12.2, by 2-means of its
  features in units of what changes do to a row 5.7 / 5.7. The cluster whose halves are farthest apart in those units,
  as it is now, 2.0 / 2.0; and ten clusters, with the same weights, 1.7 (both seeds, 2 passes; 10.0 before). With halves
  as small as eight rows ten clusters came to 2.6 and sixteen to 3.2 / 12.2 after 4 passes (test images, seed 0): sevens
  with a bar were parted from the sevens, lost their head again, and went to the twos. With no half below three tenths
  of an equal share, even where a head is of no use to any row, {with large halves alone}: 106 twos stayed with 136
  crossed sevens, and zeros with eights, while seven of thirty clusters were empty. With the cluster of a row told by
  its changed copies, {told by changed rows}: late in the training 316 ones and 215 threes came together in a cluster
  that their copies were not in, and so it was not divided. In those units all rows grouped by k-means three times in a
  training: 25.1 / 40.0, for groups that come early are not yet classes.
- scikit-learn's digits, all rows, means of three seeds (100 to 102): ten clusters, matched, 17.0 %, and 20.1 by fully
  connected layers; thirty, named after their largest class, 6.7 and 7.4. Division in the latter 17.2 and 8.6. With
  a weight of 120 for thirty 10.5, and no less in a training three times as long; with that and equality that does not
  grow 6.9. All that by sizes; as clusters are divided now, ten 12.5 and thirty 7.3.
- Thirty clusters of the fully connected model (5.62 %) merged to ten by how often rows cross between them when
  changed: 8.5 % when matched one to one. What is wrong is nearly all in five clusters that hold fours and nines.
- Likelihood of an 8-D code: with the preset as it is for maps, a tenth of the reconstruction's weight and four layers
  of 500, {with a tenth of the reconstruction}, and no more if codes of training images are decoded in place of the
  prior's (247). After 4 passes 92 nats; with ten times the weight 205, with the paper's two layers of 1,000 as well
  235, with its batches of 100 as well 272; with a hundred times the weight and ten times the adversary's 235. Noise of
  1.0 on the images: -3. That 272 is 283 where the bandwidth is looked for a second time, between the neighbours of the
  best of twelve; 20 passes of it, with the best of twelve, {with momentum}. Its decoded codes are 11.5 (squared) from
  images of their own, but the nearest of 10,000 samples is 19.7; for the model of 1,000 labels, which scores 348 with
  ten classes and a style of six, it is 15.3 and 18.4. What differs is that it has no momentum: so trained, 4 passes
  come to 291 to 293, whether the reconstruction weighs as much, a third of it or a tenth, on clean images or noisy
  ones. 60 passes of the first, {with heavier reconstruction}: training images are then reconstructed better (74 nats)
  than others (82), which are no nearer to a sample (20.0) than before. So the preset semi-supervised's weight, a
  fortieth, and its noise, {with two layers}. From there, 20 passes, validation rows of one seed: half the weight 327,
  noise of 0.6 in place of 0.3 328, discriminators of 1,000 in place of 256 328, no noise 323; three layers and 40
  passes 332, as it is now.
  In the first four, and in the row's own run, decoded codes of training images score 352 to 357 and samples of the
  prior 15 to 20 less: codes lie closer together than the prior's samples do (to the nearest of 10,000 it is 0.97 from a
  code, 1.05 from a sample), which no classifier tells (`prior_mismatch` 3.6). With classes beside the style, which need
  no bridges between them, it is 2 to 4 less. With momentum: three times the weight 286; noise of 0.3 on the images 282;
  a Gaussian posterior 280 (without momentum 276); squared error in place of the cross-entropy 256; no batch norm 207.
- Local warps of the images in `few-labels`, 100 labels, one draw: validation error 1.51 at half of the training,
  against 0.80 without.
"""


def read(file: Path) -> list[dict[str, Any]]:
    """The lines of a file of results."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def latest(lines: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The newest line of each seed, by row, of those that were measured with the row's newest settings."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for line in lines:
        found.setdefault(line["row"], {})[line["seed"]] = line
    rows = {}
    for row, seeds in found.items():
        settings = next(line["settings"] for line in reversed(lines) if line["row"] == row)
        rows[row] = [line for _, line in sorted(seeds.items()) if line["settings"] == settings]
    return rows


def write(file: Path) -> None:
    """Write the page, and the picture of the error over time."""
    runs = latest(read(file))
    known = runs | {row: runs[f"{row} {BEFORE}"] for row in ROWS if row not in runs and f"{row} {BEFORE}" in runs}
    text = INTRODUCTION + _main(known) + _alone(runs) + EXPLANATION
    if _picture(known):
        text += f"\n## Error over time\n\n![Validation error over seconds](images/{PICTURE.name})\n"
    text += _unseen(known) + _ablations(known) + _tried(runs) + _machines(runs)
    PAGE.write_text(text)


def _values(runs: dict[str, list[dict[str, Any]]], row: str, figure: str) -> list[float]:
    return [line["figures"][figure] for line in runs.get(row, []) if figure in line["figures"]]


def _spread(values: list[float]) -> str:
    if not values:
        return "not measured"
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread}"


def _time(runs: dict[str, list[dict[str, Any]]], row: str) -> str:
    return f"{np.mean([line['seconds'] for line in runs[row]]) / 60:.0f} min" if runs.get(row) else NONE


def _older(runs: dict[str, list[dict[str, Any]]], row: str) -> bool:
    """Whether a row's runs are of settings that have been changed since."""
    return row in runs and runs[row][0]["row"] != row


def _seeds(runs: dict[str, list[dict[str, Any]]], row: str, count: int) -> str:
    return f"{count} before" if _older(runs, row) else str(count)


def _wanted(line: Line, values: list[float], older: bool) -> str:
    """What was wanted, and whether it was reached."""
    if line.must is None:
        return NONE
    sign, sense = ("≥", -1) if line.more else ("≤", 1)
    text = f"{sign} {line.must:g}" + (f", worst {sign} {line.worst:g}" if line.worst is not None else "")
    if not values:
        return text
    worst = max(sense * value for value in values)
    met = sense * np.mean(values) <= sense * line.must and (line.worst is None or worst <= sense * line.worst)
    so_far = " before" if older else "" if len(values) >= ROWS[line.row].seeds else " so far"
    return f"{text}: {'met' if met else '**missed**'}{so_far}"


def _main(runs: dict[str, list[dict[str, Any]]]) -> str:
    heads = "what | mean ± sd | worst | seeds | time | wanted | aim | paper | best published"
    lines = ["", f"| {heads} |", "|---" * 9 + "|"]
    for line in TABLE:
        values = _values(runs, line.row, line.figure)
        worst = f"{(min if line.more else max)(values):.2f}" if values else NONE
        aim = NONE if line.aim is None else f"{'≥' if line.more else '≤'} {line.aim:g}"
        seeds, wanted = _seeds(runs, line.row, len(values)), _wanted(line, values, _older(runs, line.row))
        cells = [line.title, f"**{_spread(values)}**", worst, seeds, _time(runs, line.row)]
        lines.append(f"| {' | '.join([*cells, wanted, aim, line.paper, line.best])} |")
    return "\n".join(lines) + "\n"


def _alone(runs: dict[str, list[dict[str, Any]]]) -> str:
    """How long the trainings took that had both cores to themselves."""
    found = [
        f"`{row}` {line['seconds'] / 60:.1f} minutes ({line['machine']})"
        for row in ROWS for line in runs.get(row, []) if line["machine"].endswith(" 2 threads")
    ]  # fmt: skip
    return f"\nWith two cores and nothing beside it: {'; '.join(found)}.\n" if found else ""


def _unseen(runs: dict[str, list[dict[str, Any]]]) -> str:
    lines = ["", "## The same settings on data that they were not chosen on", "",
             "| what | test error, mean ± sd | worst | seeds | time |", "|---" * 5 + "|"]  # fmt: skip
    for line in UNSEEN:
        values = _values(runs, line.row, line.figure)
        worst = f"{max(values):.2f}" if values else NONE
        seeds = _seeds(runs, line.row, len(values))
        lines.append(f"| {line.title} | {_spread(values)} | {worst} | {seeds} | {_time(runs, line.row)} |")
    return "\n".join(lines) + "\n"


def _ablations(runs: dict[str, list[dict[str, Any]]]) -> str:
    text = ""
    for preset, parts in WITHOUT.items():
        rows = {name: f"{preset} without {name}" for name in parts}
        length = ROWS[rows["nothing"]].length["epochs"]
        heads = "without | test error | worst | style leak | label obedience | seeds"
        lines = ["", f"## `{preset}` without one of its parts", "",
                 f"100 labels, {length:g} passes instead of the preset's own number.", "",
                 f"| {heads} |", "|---" * 6 + "|"]  # fmt: skip
        for name, row in rows.items():
            values = _values(runs, row, "test_error")
            worst = f"{max(values):.2f}" if values else NONE
            others = [_spread(_values(runs, row, figure)) for figure in ("style_leak", "label_obedience")]
            lines.append(f"| {' | '.join([name, _spread(values), worst, *others, _seeds(runs, row, len(values))])} |")
        text += "\n".join(lines) + "\n"
    return text


def _tried(runs: dict[str, list[dict[str, Any]]]) -> str:
    found = {}
    endings = {
        "with spreading": "test_error",
        "without neighbours": "test_error",
        "with neighbours of 5000 rows": "test_error",
        BEFORE: "test_error",
        "without transformation": "test_error",
        "with fully connected layers": "cluster_error",
        "with equal clusters": "cluster_error",
        "with a third of the mutual information": "cluster_error",
        "divided by size": "cluster_error",
        "with large halves alone": "cluster_error",
        "told by changed rows": "cluster_error",
        "with a tenth of the reconstruction": "log_likelihood",
        "with momentum": "log_likelihood",
        "with heavier reconstruction": "log_likelihood",
        "with two layers": "log_likelihood",
    }
    for ending, figure in endings.items():
        rows = [row for row in runs if row.endswith(f" {ending}")]
        errors = {row.removesuffix(f" {ending}"): _values(runs, row, figure) for row in rows}
        unit = "nats" if figure == "log_likelihood" else "%"
        found[ending] = ", ".join(f"`{row}` {_spread(values)} {unit} ({len(values)})" for row, values in errors.items())
    return TRIED.format(**found)


def _machines(runs: dict[str, list[dict[str, Any]]]) -> str:
    found = sorted({f"{line['machine']}; torch {line['torch']}" for lines in runs.values() for line in lines})
    return "\nMeasured on " + ", and on ".join(found) + ".\n" if found else ""


def _picture(runs: dict[str, list[dict[str, Any]]]) -> bool:
    """Validation error over time of the runs with 100 labels."""
    shown = {row: [line for line in runs.get(row, []) if line["curve"]] for row in ("semi-100", "few-100")}
    if not any(shown.values()):
        return False
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for colour, (row, lines) in zip(("C0", "C1"), shown.items(), strict=True):
        for number, line in enumerate(lines):
            seconds, errors = np.array(line["curve"]).T
            axes.plot(seconds / 60, errors, color=colour, alpha=0.6, label=None if number else ROWS[row].preset)
    axes.set(xlabel="minutes", ylabel="validation error (%)", yscale="log", title="100 labels of MNIST, each seed")
    for axis in ("major", "minor"):
        getattr(axes.yaxis, f"set_{axis}_formatter")(FormatStrFormatter("%g"))
    axes.legend()
    axes.grid(which="both", alpha=0.3)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110)
    return True
