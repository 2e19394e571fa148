import contextlib

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from aae.data.sources import load_data
from aae.distributed.fabric import make_fabric
from aae.model.batch import Batch
from aae.objectives.phases import Losses, build_phases
from aae.presets.presets import PRESETS
from aae.runs.prepare import prepare
from aae.training.capture import WARM_UP, CapturedStep
from aae.training.trainer import Trainer

STEPS = WARM_UP + 4
KINDS = {
    **{name: (name, {}) for name in PRESETS},
    "tutorial": ("semi-supervised", {"recipe": "tutorial"}),
    "paper": ("semi-supervised", {"recipe": "paper"}),
    "ring": ("aae", {"prior": "ring"}),
    "grid": ("aae", {"prior": "grid"}),
    "swiss-roll": ("aae", {"prior": "swiss-roll"}),
    "cube": ("aae", {"prior": "cube"}),
    "ball": ("aae", {"prior": "ball"}),
    "noisy": ("aae", {"posterior": "noisy", "corruption": "masking"}),
    "gaussian": ("aae", {"posterior": "gaussian", "corruption": "salt-and-pepper"}),
}


def made(kind, **length):
    preset, changes = KINDS[kind]
    labels = {"ring": 100, "swiss-roll": 100}.get(kind, PRESETS[preset].labels)
    return prepare(preset, load_data("digits"), 500 if labels is None else labels, "random", 0, changes,
                   length or {"steps": STEPS})


def trained(kind, captured):
    data = load_data("digits")
    model, settings, split, _ = made(kind)
    torch.manual_seed(0)
    trainer = Trainer(model, data, split, settings, 0, make_fabric("cpu"))
    if captured:
        trainer.captured = CapturedStep(trainer._run_phases, capture=False)
    measured = [trainer.train_step() for _ in range(STEPS)]
    return trainer.averaged.state_dict(), measured


@pytest.mark.parametrize("kind", ["semi-supervised", "few-labels", "tutorial", "ring", "supervised", "vae"])
def test_steps_on_the_static_batch_give_the_same_weights(kind):
    (plain, expected), (fast, measured) = trained(kind, False), trained(kind, True)
    assert all(torch.equal(value, fast[name]) for name, value in plain.items())
    assert [{k: float(v) for k, v in row.items()} for row in measured] == [
        {k: float(v) for k, v in row.items()} for row in expected
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_no_step_waits_for_the_device_or_copies_to_it(kind, monkeypatch):
    # Tensors on the meta device have no values: reading one, or combining one with a tensor on the CPU, is an error.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    model, settings, *_ = made(kind)
    model = model.to("meta")
    x, labels = torch.empty(32, 8, 8, device="meta"), torch.empty(32, dtype=torch.long, device="meta")
    supervised = any(latent.label == "supervised" for latent in model.latents)
    batch = Batch(x, labels, *((x[:8], labels[:8]) if supervised else ()), progress=torch.empty((), device="meta"))
    for term in settings.terms:
        term.warmup = 0.5
    for phase in build_phases(Losses(model, terms=settings.terms), settings.schedule):
        loss, _ = phase.loss(batch)
        loss.backward(inputs=phase.parameters)
        assert all(parameter.grad.device.type == "meta" for parameter in phase.parameters)


# Operators that wait for the device, most of which also work on the meta device: they read a value, check the values of
# their arguments, or need to know how many values there are.
WAITING = {"_local_scalar_dense", "multinomial", "nonzero", "masked_select", "equal", "normal"}


class Watch(TorchDispatchMode):
    """Records which operators run."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.add(func.overloadpacket._qualified_op_name.removeprefix("aten::"))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", KINDS)
def test_no_operator_of_a_whole_step_waits_for_the_device(kind, monkeypatch):
    # `one_hot` checks the range of the values only on the CPU.
    monkeypatch.setattr(
        torch.nn.functional, "one_hot", lambda numbers, count: (numbers[..., None] == torch.arange(count)).long()
    )
    data = load_data("digits")
    model, settings, split, _ = made(kind)
    trainer = Trainer(model, data, split, settings, 0, make_fabric("cpu"))
    watch, take = Watch(), trainer._run_phases

    def watched(batch):
        batch.progress = torch.as_tensor(batch.progress)
        with watch:
            return take(batch)

    trainer._run_phases = watched
    trainer.train_step()
    assert not watch.seen & WAITING
    assert "mm" in watch.seen or "addmm" in watch.seen


class Graph:
    """Replaces a CUDA graph; counts the replays."""

    def __init__(self):
        self.replays = 0

    def replay(self):
        self.replays += 1


@pytest.fixture
def cuda(monkeypatch):
    """The parts of CUDA that a capture needs, for a machine without a GPU."""
    class Stream:
        def wait_stream(self, other):
            pass

    class Generator:
        state = "as it was"

        def clone_state(self):
            return self.state

        def graphsafe_set_state(self, state):
            self.state = state

    monkeypatch.setattr(torch.cuda, "default_generators", (Generator(),))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: None)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())


def batch_of(value):
    return Batch(torch.full((4, 2), value), torch.full((4,), int(value)), progress=value / 10)


def test_a_captured_step_is_replayed_on_each_new_batch(cuda):
    taken = []

    def take(batch):
        taken.append(batch)
        return {"sum": batch.x.sum()}

    step = CapturedStep(take)
    for value in range(WARM_UP + 1):
        step(batch_of(float(value)))
    assert len(taken) == WARM_UP + 1
    static, graph = taken[-1], step._graph
    assert graph.replays == 1
    for value in (7.0, 8.0):
        before = step._static_metrics["sum"]
        metrics = step(batch_of(value))
        assert static.x.tolist() == [[value] * 2] * 4
        assert static.labels.tolist() == [int(value)] * 4
        assert float(static.progress) == pytest.approx(value / 10)
        assert metrics["sum"] is not before  # the next replay would overwrite it
    assert len(taken) == WARM_UP + 1
    assert graph.replays == 3


def test_a_step_that_cannot_be_captured_runs_without_a_graph(cuda, monkeypatch):
    generator = torch.cuda.default_generators[0]

    @contextlib.contextmanager
    def refusing(graph):
        generator.state = "capturing"
        try:
            yield
        finally:  # as in torch, which does not restore its generator
            raise RuntimeError("an earlier error ended the capture")

    def take(batch):
        seen.append(float(batch.x[0, 0]))
        if generator.state == "capturing":
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        return {}

    monkeypatch.setattr(torch.cuda, "graph", refusing)
    streams = []
    monkeypatch.setattr(torch.cuda, "set_stream", streams.append)
    seen = []
    step = CapturedStep(take)
    for value in range(6):
        step(batch_of(float(value)))
    # The fourth batch is passed twice: once for the capture, which runs nothing, and once to take the step.
    assert seen == [0, 1, 2, 3, 3, 4, 5]
    assert step.failure == "operation not permitted when stream is capturing"
    assert generator.state == "as it was"
    assert len(streams) == 1


def test_learning_rates_on_the_device_are_updated_and_restored():
    from aae.training.optimizers import make_optimizer

    data = load_data("digits")
    model, settings, split, _ = made("semi-supervised")
    trainer = Trainer(model, data, split, settings, 0, make_fabric("cpu"))
    trainer.optimizers = {phase.name: make_optimizer(phase, settings, captured=True) for phase in trainer.phases}
    rates = [group["lr"] for group in trainer.optimizers["joint"].param_groups]
    for _ in range(3):
        trainer.train_step()
    assert [group["lr"] for group in trainer.optimizers["joint"].param_groups] == rates
    assert 0 < float(rates[0]) < settings.learning_rate["reconstruction"]
    trainer.restore(trainer.state())
    assert all(isinstance(group["lr"], torch.Tensor) for group in trainer.optimizers["joint"].param_groups)
    trainer.train_step()
