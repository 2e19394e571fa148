import copy

import pytest
import torch

from aae.system.errors import AAEError
from aae.training import precision
from aae.training.precision import autocast, choose_precision
from helpers.models import FAMILIES

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    """No cached trials of other tests; the processor has bf16 instructions."""
    monkeypatch.setattr(precision, "_TRIALS", {})
    monkeypatch.setattr(precision, "supports_bf16", lambda device: True)
    monkeypatch.setattr(precision, "SMALL", 0)


def with_times(monkeypatch, **milliseconds):
    """Let a pass take that long on any machine; returns the list of passes."""
    passes = []
    clock = iter(range(10**9))
    now = [0.0]

    def one_pass(model, x, code, name):
        passes.append(name)
        now[0] += {"32": milliseconds["float32"], "bf16": milliseconds["bf16"]}[name] / 1000

    monkeypatch.setattr(precision, "_pass", one_pass)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now[0] + 1e-9 * next(clock))
    return passes


@pytest.mark.parametrize(("float32", "bf16", "chosen"), [(10.0, 4.0, "bf16"), (10.0, 15.0, "32"), (10.0, 9.9, "32")])
def test_auto_takes_the_faster_precision_and_float32_if_they_are_equal(float32, bf16, chosen, monkeypatch):
    with_times(monkeypatch, float32=float32, bf16=bf16)
    found = choose_precision("auto", FAMILIES["aae"](), 100, CPU)
    assert found.name == chosen
    assert found.trial == pytest.approx({"32": float32, "bf16": bf16}, abs=1e-3)
    assert found.reason == f"32: {float32:.1f} ms, bf16: {bf16:.1f} ms"


def test_a_small_model_is_trained_in_float32_without_a_trial(monkeypatch):
    passes = with_times(monkeypatch, float32=5.0, bf16=1.0)
    monkeypatch.setattr(precision, "SMALL", 1e6)
    model = FAMILIES["aae"]()
    rows = 1e6 / sum(value.numel() for value in model.parameters())
    assert choose_precision("auto", model, int(rows), CPU) == precision.Precision("32", {})
    assert not passes
    assert choose_precision("auto", model, int(rows) + 1, CPU).name == "bf16"


def test_a_trial_alternates_and_ends_after_its_time(monkeypatch):
    passes = with_times(monkeypatch, float32=5.0, bf16=6.0)
    choose_precision("auto", FAMILIES["aae"](), 100, CPU)
    assert passes == ["32", "bf16"] * 6  # one round that is not timed, and five in 50 ms


def test_the_result_is_cached_for_model_batch_and_threads(monkeypatch):
    passes = with_times(monkeypatch, float32=5.0, bf16=6.0)
    model = FAMILIES["aae"]()
    for _ in range(2):
        choose_precision("auto", model, 100, CPU)
    assert len(passes) == 12
    choose_precision("auto", model, 50, CPU)
    choose_precision("auto", FAMILIES["semi-supervised"](), 100, CPU)
    assert len(passes) == 36


@pytest.mark.parametrize("asked", ["32", "bf16"])
def test_a_requested_precision_is_not_timed(asked, monkeypatch):
    passes = with_times(monkeypatch, float32=5.0, bf16=6.0)
    found = choose_precision(asked, FAMILIES["aae"](), 100, CPU)
    assert (found.name, found.reason, passes) == (asked, "", [])


def test_without_bf16_instructions_nothing_is_timed(monkeypatch):
    passes = with_times(monkeypatch, float32=50.0, bf16=6.0)
    monkeypatch.setattr(precision, "supports_bf16", lambda device: False)
    assert choose_precision("auto", FAMILIES["aae"](), 100, CPU).name == "32"
    assert not passes
    with pytest.raises(AAEError, match="This GPU does not support bf16; use --precision 32"):
        choose_precision("bf16", FAMILIES["aae"](), 100, torch.device("cuda"))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_trial_changes_neither_the_model_nor_what_is_drawn_next(family):
    model = FAMILIES[family]()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    trial = choose_precision("auto", model, 8, CPU).trial
    assert all(value > 0 for value in trial.values())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", ["32", "bf16"])
def test_autocast_computes_in_the_precision(name):
    with autocast(CPU, name):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if name == "bf16" else torch.float32)
