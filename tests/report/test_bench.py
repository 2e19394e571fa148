import json
from dataclasses import fields

import pytest
import torch

from aae.data.sources import load_data
from aae.presets.options import Options
from aae.presets.presets import resolve
from aae.report import bench
from aae.report.bench import same_model
from aae.system.errors import AAEError, UsageError
from helpers.runs import SMALL


def test_times_of_steps_in_blocks(monkeypatch):
    now = [0.0]
    lengths = [1.0] * 5 + [0.5, 0.75, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125, 9.0, 9.0]  # the first five do not count

    def clock():
        return now[0]

    def step(self):
        now[0] += lengths.pop(0)

    monkeypatch.setattr(bench.time, "perf_counter", clock)
    monkeypatch.setattr(bench.Trainer, "train_step", step)
    found = bench.step_times("aae", load_data("digits"), {**SMALL, "batch_size": 100}, "cpu", "32", steps=10)
    passes = 1198 // 100  # rows that are neither test nor validation
    assert found == {"ms_per_step": 250.0, "microseconds_per_row": 2500.0, "rows_per_second": 400.0,
                     "minutes_500_epochs": pytest.approx(500 * passes * 0.25 / 60)}
    assert not lengths


KEYS = ("ms_per_step", "microseconds_per_row", "rows_per_second", "minutes_500_epochs")


def with_step_times(monkeypatch, bf16):
    """Let a step take 12 ms in float32 and 6 in bf16, on a machine without a GPU; returns what was timed."""
    seen = []

    def step_times(preset, data, changes, device, precision, steps=30):
        seen.append((preset, data.name, changes, device, precision))
        return {"ms_per_step": {"32": 12.3456, "bf16": 6.0}[precision], "microseconds_per_row": 1000.0,
                "rows_per_second": 1000.0,
                "minutes_500_epochs": 7.5}

    monkeypatch.setattr(bench, "step_times", step_times)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(bench, "supports_bf16", lambda device: bf16)
    return seen


@pytest.mark.parametrize("preset", ["aae", "vae"])
def test_the_tutorials_settings_stand_beside_ours(preset, monkeypatch, tmp_path, capsys):
    seen = with_step_times(monkeypatch, bf16=False)
    bench.bench(preset, "digits", True, tmp_path / "bars.png")
    found = json.loads(capsys.readouterr().out)
    names = ["tutorial", "same_model", "ours", "ours_32"] if preset == "aae" else ["ours", "ours_32"]
    expected = {f"cpu_{name}_{key}" for name in names for key in KEYS}
    assert found.keys() == {"preset", "data", "threads", "cpu_auto_precision"} | expected
    assert found["cpu_ours_ms_per_step"] == 12.346
    same = {"recipe": "tutorial", "schedule": "joint", "batch_size": 256, "ema_decay": 0.99}
    tutorial = [("aae", "digits", changes, "cpu", "32") for changes in ({"recipe": "tutorial"}, same)]
    tutorial = tutorial if preset == "aae" else []
    assert seen == [*tutorial, (preset, "digits", {}, "cpu", "32")]
    assert (tmp_path / "bars.png").stat().st_size > 1000
    bench.bench(preset, "digits", False, tmp_path / "bars.png")
    out, err = capsys.readouterr()
    assert "12.3" in out
    assert f"Chart: {tmp_path / 'bars.png'}" in err


def test_both_precisions_are_timed_and_auto_is_ours(monkeypatch, tmp_path, capsys):
    seen = with_step_times(monkeypatch, bf16=True)
    bench.bench("aae", "digits", True, tmp_path / "bars.png")
    found = json.loads(capsys.readouterr().out)
    assert [precision for *_, precision in seen] == ["32", "32", "32", "bf16"]
    assert found["cpu_auto_precision"] == "32"
    assert found["cpu_ours_ms_per_step"] == found["cpu_ours_32_ms_per_step"] == 12.346
    assert found["cpu_ours_bf16_ms_per_step"] == 6.0
    bench.bench("aae", "digits", False, tmp_path / "bars.png")
    assert "--precision auto selects 32 on cpu." in capsys.readouterr().out


@pytest.mark.parametrize("preset", ["aae", "supervised", "semi-supervised"])
def test_our_settings_of_the_tutorials_model_leave_the_model_as_it_is(preset):
    tutorial, ours = (resolve(preset, changes) for changes in ({"recipe": "tutorial"}, same_model(preset)))
    differ = {field.name for field in fields(Options) if getattr(tutorial, field.name) != getattr(ours, field.name)}
    assert differ <= {"schedule", "batch_size", "ema_decay"}


@pytest.mark.parametrize(("data", "out", "error"), [
    ("digts", "bars.png", UsageError), ("digits", "absent/bars.png", AAEError), ("digits", "bars.txt", UsageError),
])
def test_errors_are_reported_before_the_work(data, out, error, monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "step_times", lambda *_: pytest.fail("steps were timed"))
    with pytest.raises(error):
        bench.bench("aae", data, True, tmp_path / out)
    assert not list(tmp_path.iterdir())
