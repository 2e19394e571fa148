import copy

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal
from torch.nn import functional as F

from aae.model.autoencoder import Autoencoder
from aae.model.batch import Batch
from aae.model.latent import Latent
from aae.model.likelihoods import GaussianLikelihood
from aae.model.matching import KL, MMD, Adversarial
from aae.model.networks import Discriminator, MLPDecoder, MLPTrunk
from aae.model.posteriors import Gaussian, Point
from aae.model.priors import GaussianPrior
from aae.objectives.phases import Losses, build_phases
from aae.system.errors import AAEError
from helpers.close import assert_close, rounding
from helpers.models import (
    CLASSES,
    FAMILIES,
    TERMS,
    WIDTH,
    adversarial,
    autoencoder,
    batch_for,
    category,
    style,
)

pytestmark = pytest.mark.numeric

# What each phase updates: trunk (t), heads by latent, decoder (d), merge (m), discriminators by latent (D).
ALTERNATING = {
    "autoencoder": {"reconstruction": "t z d"},
    "vae": {"reconstruction": "t z d"},
    "wae-mmd": {"reconstruction": "t z d"},
    "discrete-vae": {"reconstruction": "t y d"},
    "aae": {"reconstruction": "t z d", "discriminator": "Dz", "generator": "t z"},
    "supervised": {"reconstruction": "t z d", "discriminator": "Dz", "generator": "t z"},
    "conditioned": {"reconstruction": "t z d", "discriminator": "Dz", "generator": "t z"},
    "clustering": {"reconstruction": "t z y d", "discriminator": "Dz Dy", "generator": "t z y"},
    "semi-supervised": {"reconstruction": "t z y d", "discriminator": "Dz Dy", "generator": "t z y",
                        "classification": "t y"},
    "conditional": {"reconstruction": "t z y d", "discriminator": "Dz Dy", "generator": "t z y",
                    "classification": "t y"},
    "embedding": {"reconstruction": "t z y d m", "discriminator": "Dz Dy", "generator": "t z y",
                  "classification": "t y"},
    "classifier": {"reconstruction": "t z y d", "classification": "t y"},
}
# Discriminators that read row by row learn from the joint pass; others have a phase of their own.
JOINT = {
    name: {"joint": f"{phases['reconstruction']} {phases.get('discriminator', '')}"}
    for name, phases in ALTERNATING.items()
}
JOINT_SEPARATE = {
    name: {"joint": phases["reconstruction"], **{k: v for k, v in phases.items() if k == "discriminator"}}
    for name, phases in ALTERNATING.items()
}
SCHEDULES = {"alternating": ALTERNATING, "joint": JOINT, "joint, separate": JOINT_SEPARATE}
CASES = [(schedule, name) for schedule in SCHEDULES for name in FAMILIES]


def phases_of(model, schedule):
    if schedule == "joint, separate":
        model = separate(model)
    return build_phases(Losses(model), schedule.split(",")[0])


def separate(model):
    """The model, its discriminators no longer known to read row by row."""
    for module in model.modules():
        if isinstance(module, Discriminator):
            module.rowwise = False
    return model


def parts(model):
    named = {"t": model.trunk, "d": model.decoder, "m": model.merge}
    for latent in model.latents:
        named[latent.name] = latent.posterior
        named[f"D{latent.name}"] = latent.matching
    return {key: {id(p) for p in module.parameters()} for key, module in named.items() if module is not None}


@pytest.mark.parametrize(("schedule", "name"), CASES)
def test_each_phase_updates_exactly_its_own_parameters(schedule, name):
    model, expected = FAMILIES[name](), SCHEDULES[schedule][name]
    phases, batch, owned = phases_of(model, schedule), batch_for(model), parts(model)
    assert [phase.name for phase in phases] == list(expected)
    for phase in phases:
        assert len({id(p) for p in phase.parameters}) == len(phase.parameters)
        optimizer = torch.optim.SGD(phase.parameters, lr=0.1)
        before = {id(p): p.detach().clone() for p in model.parameters()}
        loss, metrics = phase.loss(batch)
        loss.backward(inputs=phase.parameters)
        assert all(parameter.grad.abs().max() > 0 for parameter in phase.parameters)
        optimizer.step()
        moved = {id(p) for p in model.parameters() if not torch.equal(p, before[id(p)])}
        assert moved == set().union(*(owned[part] for part in expected[phase.name].split()))
        assert metrics
        assert all(torch.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_belongs_to_a_phase(name):
    for schedule in SCHEDULES:
        model = FAMILIES[name]()
        reached = {id(p) for phase in phases_of(model, schedule) for p in phase.parameters}
        assert reached == {id(p) for p in model.parameters()}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_joint_loss_is_the_sum_of_its_parts(name):
    model = separate(FAMILIES[name]())
    losses, batch = Losses(model, reconstruction_weight=0.5, classification_weight=2.0), batch_for(model)
    by_name = {phase.name: phase for phase in build_phases(losses, "alternating")}
    total, measured = torch.zeros(()), {}
    for phase in ("reconstruction", "generator", "classification"):
        if phase in by_name:
            torch.manual_seed(2)
            loss, metrics = by_name[phase].loss(batch)
            total, measured = total + loss, measured | metrics
    torch.manual_seed(2)
    loss, metrics = losses.joint(batch)
    assert metrics.keys() == measured.keys()
    assert loss.item() == pytest.approx(total.item(), rel=rounding(TERMS))
    merge = model.merge.penalty() if hasattr(model.merge, "penalty") else 0.0
    weights = {"reconstruction": 0.5, "kl": 0.5, "mmd": 0.5, "generator": 1.0, "classification": 2.0}
    summed = sum(weights[key.split("_")[0]] * value for key, value in metrics.items()) + merge
    assert loss.item() == pytest.approx(summed.item(), rel=rounding(TERMS))


def step_of(model, batch):
    """Metrics and gradients of one joint step."""
    model = copy.deepcopy(model)
    metrics = {}
    for phase in build_phases(Losses(model, reconstruction_weight=0.01), "joint"):
        # Not Adam, which divides each gradient by its own size, so that one that is all rounding counts like any other.
        update = torch.optim.SGD(phase.parameters, lr=0.01)
        batch.codes = batch.codes if phase.name == "discriminator" else {}
        loss, measured = phase.loss(batch)
        loss.backward(inputs=phase.parameters)
        update.step()
        metrics |= measured
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {name: value.item() for name, value in metrics.items()}, gradients


@pytest.mark.parametrize("name", [name for name in FAMILIES if "discriminator" in ALTERNATING[name]])
def test_one_pass_through_a_discriminator_gives_the_update_of_three(name):
    model = FAMILIES[name]()
    for module in model.modules():
        if isinstance(module, Adversarial):
            module.weight = 0.3
    batch = batch_for(model)
    found = []
    for each in (model, separate(copy.deepcopy(model))):
        torch.manual_seed(3)
        found.append(step_of(each, batch))
    (fast, gradients), (plain, expected) = found
    assert fast == pytest.approx(plain, rel=rounding(TERMS))
    for key, value in expected.items():
        assert_close(gradients[key], value, TERMS + len(batch.x), name=key)


@pytest.mark.parametrize("logit", [-200.0, -40.0, 0.0, 40.0, 200.0])
def test_the_shared_pass_gives_codes_the_generators_gradient_however_confident_the_discriminator(logit):
    rule = Adversarial(Discriminator(2, (8,)), weight=0.5)
    with torch.no_grad():
        rule.discriminator.layers[-1].bias += logit
    codes = torch.randn(6, 2, requires_grad=True)
    (expected,) = torch.autograd.grad(rule.generator_loss(codes), codes)
    generator, discriminator = rule.both_losses(codes, torch.randn(6, 2))
    (gradient,) = torch.autograd.grad(generator + discriminator, codes)
    assert_close(gradient, expected, TERMS, expected.abs().amax(1, keepdim=True))
    assert generator.item() == pytest.approx(rule.generator_loss(codes).item(), rel=rounding(TERMS))


def test_reconstruction_is_the_mean_over_rows_of_the_sum_over_values():
    model = FAMILIES["autoencoder"](shape=(3, 4))
    batch = batch_for(model)
    loss, metrics = Losses(model, reconstruction_weight=1 / 12).reconstruction(batch)
    expected = F.binary_cross_entropy(model(batch.x), batch.x)
    near = rounding(TERMS + len(batch.x))
    assert loss.item() == pytest.approx(expected.item(), rel=near)
    assert metrics["reconstruction_loss"].item() == pytest.approx(12 * expected.item(), rel=near)


def test_classification_is_the_cross_entropy_of_the_labelled_rows():
    model = FAMILIES["semi-supervised"]()
    batch = batch_for(model)
    loss, metrics = Losses(model, classification_weight=3.0).classification(batch)
    expected = F.nll_loss(model.classify(batch.labelled_x).log(), batch.labelled_y)
    assert metrics["classification_loss"].item() == pytest.approx(expected.item(), rel=rounding(TERMS))
    assert loss.item() == pytest.approx(3 * expected.item(), rel=rounding(TERMS))


@pytest.mark.numeric
def test_labels_count_by_the_weight_of_their_class():
    """Also in a batch of one class, where torch's own weights would cancel."""
    model = FAMILIES["semi-supervised"]().double()
    batch = batch_for(model)
    batch.x, batch.labelled_x = batch.x.double(), batch.labelled_x.double()
    weights = torch.arange(1.0, 1.0 + model.category.dim)
    for labels in (batch.labelled_y, torch.full_like(batch.labelled_y, 2)):
        batch.labelled_y = labels
        logits = model.category.logits(model.features(batch.labelled_x))
        expected = (weights[labels] * F.cross_entropy(logits, labels, reduction="none")).mean()
        loss, _ = Losses(model, class_weights=weights.tolist()).classification(batch)
        assert loss.item() == pytest.approx(expected.item(), rel=rounding(TERMS))


@pytest.mark.parametrize(("name", "sentence"), [
    ("semi-supervised", r"class_weights holds 2 numbers for \d+ classes; give one for each"),
    ("autoencoder", "class_weights holds 2 numbers for 0 classes"),
])  # fmt: skip
def test_class_weights_are_one_for_each_class(name, sentence):
    with pytest.raises(AAEError, match=sentence):
        Losses(FAMILIES[name](), class_weights=[1.0, 2.0])


def test_rules_of_one_latent_add_up():
    first, second = adversarial(2), adversarial(2)
    second.discriminator.rowwise = False
    model = autoencoder(Latent("z", Gaussian(WIDTH, 2), GaussianPrior(2), [first, second, KL(0.1), MMD()]))
    losses, batch = Losses(model), batch_for(model)
    phases = {phase.name: phase for phase in build_phases(losses, "alternating")}
    discriminator = phases["discriminator"]
    assert len(discriminator.parameters) == 2 * len(list(first.parameters()))
    torch.manual_seed(1)
    codes = model.posteriors(batch.x)["z"].rsample()
    torch.manual_seed(1)
    loss, metrics = phases["generator"].loss(batch)
    assert_close(loss, first.generator_loss(codes) + second.generator_loss(codes), TERMS)
    assert_close(metrics["generator_loss_z"], loss, TERMS)
    joint, separate_phase = build_phases(losses, "joint")
    assert len(separate_phase.parameters) == len(list(second.parameters()))
    assert {id(p) for p in first.parameters()} <= {id(p) for p in joint.parameters}
    loss, _ = discriminator.loss(batch)
    loss.backward(inputs=discriminator.parameters)
    assert all(parameter.grad.abs().max() > 0 for parameter in discriminator.parameters)
    assert {"kl_z", "mmd_z"} <= losses.reconstruction(batch)[1].keys()


class Recorder(nn.Module):
    """A discriminator that records its inputs."""

    dim, classes = 2, CLASSES

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.inputs = []

    def forward(self, codes, labels=None):
        self.inputs.append((codes.detach().clone(), labels))
        return self.layer(codes).squeeze(1)


@pytest.mark.parametrize("role", ["none", "conditioned"])
def test_the_discriminator_sees_labels_only_of_a_conditioned_latent(role):
    model = FAMILIES["conditioned"]()
    model.latents[0].label = role
    recorder = Recorder()
    model.latents[0].matching[0].discriminator = recorder
    batch = batch_for(model)
    for phase in build_phases(Losses(model), "alternating")[1:]:
        phase.loss(batch)
    assert len(recorder.inputs) == 3
    assert all(labels is (batch.labels if role == "conditioned" else None) for _, labels in recorder.inputs)


@pytest.mark.parametrize("schedule", ["alternating", "joint"])
def test_the_discriminator_of_an_independent_style_sees_the_class_that_the_model_infers(schedule):
    model, recorder = FAMILIES["conditional"](), Recorder()
    model.style.matching[0].discriminator = recorder
    batch = batch_for(model)
    head = model.category.posterior.logits
    with torch.no_grad():  # so that rows are of several classes
        head.bias -= head(model.trunk(batch.x)).mean(0)
    for phase in build_phases(Losses(model), schedule):
        phase.loss(batch)
    inferred = model.posteriors(batch.x)["y"].mean.argmax(1)
    assert len(recorder.inputs) == 3
    assert len(inferred.unique()) > 1
    assert all(torch.equal(labels, inferred) for _, labels in recorder.inputs)


def test_an_independent_style_carries_no_class():
    """Codes separated by class fit the prior as a whole; only a discriminator that sees the class detects them."""
    torch.manual_seed(0)
    x = torch.randn(4000, 6)
    found = {}
    for name in ("semi-supervised", "conditional"):
        model = FAMILIES[name]()
        rule = model.style.matching[0]
        optimizer = torch.optim.Adam(rule.discriminator.parameters(), 0.02)
        codes = {"y": F.one_hot((x[:, 0] > 0).long(), CLASSES).float(), "z": x[:, :2]}
        for _ in range(60):
            metrics = {}
            Losses(model)._discriminator_loss(metrics, Batch(x, torch.full((4000,), -1)), model.style, rule, codes)
            optimizer.zero_grad()
            metrics["discriminator_loss_z"].backward()
            optimizer.step()
        found[name] = metrics["discriminator_loss_z"].item()
    assert found["semi-supervised"] > 1.37
    assert found["conditional"] < 1.2


def test_a_conditioned_prior_is_sampled_at_the_rows_own_labels():
    model = FAMILIES["conditioned"]()
    recorder = Recorder()
    model.latents[0].matching[0].discriminator = recorder
    batch = batch_for(model, rows=300)
    Losses(model).discriminator(batch)
    samples, known = recorder.inputs[0][0], batch.labels >= 0
    nearest = torch.cdist(samples, torch.tensor(model.latents[0].prior.means)).argmin(1)
    assert (nearest[known] == batch.labels[known]).float().mean() > 0.95
    assert (nearest[~known] == batch.labels[~known].clamp_min(0)).float().mean() < 0.6


def test_the_joint_schedule_trains_the_discriminator_on_the_codes_of_its_encoder_pass():
    model, recorder = autoencoder(style()), Recorder()
    model.latents[0].matching[0].discriminator = recorder
    batch = batch_for(model)
    joint, discriminator = build_phases(Losses(model), "joint")
    joint.loss(batch)
    with torch.no_grad():
        model.trunk.layers[0].weight.zero_()
    loss, _ = discriminator.loss(batch)
    assert torch.equal(recorder.inputs[-1][0], batch.codes["z"])
    assert torch.equal(recorder.inputs[-1][0], recorder.inputs[0][0])
    loss.backward()
    assert all(parameter.grad is None for parameter in model.trunk.parameters())


def test_the_alternating_discriminator_sees_codes_without_dropout_and_keeps_batch_norm_statistics():
    trunk = MLPTrunk((6,), (WIDTH,), dropout=0.9, batch_norm=True)
    recorder = Recorder()
    model = Autoencoder([Latent("z", Point(WIDTH, 2), GaussianPrior(2), Adversarial(recorder))], trunk,
                        MLPDecoder(2, (6,), (WIDTH,)))
    batch = batch_for(model)
    before = {name: value.clone() for name, value in model.named_buffers()}
    build_phases(Losses(model), "alternating")[1].loss(batch)
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    assert model.training
    assert torch.equal(recorder.inputs[-1][0], model.eval().encode(batch.x)["z"])


class Term(nn.Module):
    """A user's own term: the size of the class head."""

    def forward(self, model, teacher, batch):
        size = model.latent("y").posterior.logits.weight.square().sum()
        return 10 * size, {"size": size}


@pytest.mark.parametrize("name", ["semi-supervised", "clustering"])
def test_terms_join_the_classification(name):
    model = FAMILIES[name]()
    batch, losses = batch_for(model), Losses(model, terms=[Term()])
    phases = {phase.name: phase for phase in build_phases(losses, "alternating")}
    loss, metrics = phases["classification"].loss(batch)
    plain = Losses(model).classification(batch)[0].item() if name == "semi-supervised" else 0.0
    assert loss.item() == pytest.approx(plain + 10 * metrics["size"].item(), rel=rounding(TERMS))
    owned = parts(model)
    assert {id(p) for p in phases["classification"].parameters} == owned["t"] | owned["y"]
    torch.manual_seed(0)
    joint = Losses(model).joint(batch)[0]
    torch.manual_seed(0)  # the same prior samples for the discriminators
    extended = losses.joint(batch)[0]
    assert extended.item() == pytest.approx((joint + 10 * metrics["size"]).item(), rel=rounding(TERMS))


@pytest.mark.parametrize("name", ["aae", "supervised"])
def test_terms_without_an_encoded_class_are_refused(name):
    with pytest.raises(AAEError, match="need one categorical latent that is encoded"):
        build_phases(Losses(FAMILIES[name](), terms=[Term()]))


def test_an_unknown_schedule_is_refused():
    with pytest.raises(AAEError, match="no schedule 'alternate'; did you mean 'alternating'"):
        build_phases(Losses(FAMILIES["aae"]()), "alternate")


def test_a_weight_of_zero_leaves_the_encoder_to_the_reconstruction():
    unweighted = Latent("z", Point(WIDTH, 2), GaussianPrior(2), Adversarial(Discriminator(2, (WIDTH,)), weight=0.0))
    model = autoencoder(unweighted, category())
    batch = batch_for(model)
    loss, metrics = Losses(model).generator(batch)
    assert metrics["generator_loss_z"] == 0
    assert loss == metrics["generator_loss_y"]
    assert Losses(model).discriminator(batch)[1]["discriminator_loss_z"] > 1


class Scaled(GaussianLikelihood):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def loss(self, output, x):
        return self.scale * super().loss(output, x)


class Weighed(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))

    def penalty(self, posterior, codes, prior):
        return (self.scale * codes).square().mean()


class Moved(GaussianPrior):
    def __init__(self):
        super().__init__(2)
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, n, labels=None):
        return Independent(Normal(self.scale.expand(n, 2), 1.0), 1)


class Damped(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(WIDTH - 2))

    def forward(self, x):
        return self.scale * x


@pytest.mark.parametrize("schedule", ["joint", "alternating"])
def test_whatever_has_parameters_learns_with_the_reconstruction(schedule):
    z = Latent("z", Gaussian(WIDTH, 2), Moved(), [KL(), Weighed(), adversarial(2)])
    model = autoencoder(z, likelihood=Scaled(), corruption=Damped())
    phase, *others = build_phases(Losses(model), schedule)
    phase.loss(batch_for(model))[0].backward(inputs=phase.parameters)
    added = [part.scale for part in (model.likelihood, model.corruption, z.prior, z.matching[1])]
    assert all(scale.grad.abs().max() > 0 for scale in added)
    assert all(scale in set(phase.groups["reconstruction"]) for scale in added)
    assert not {id(scale) for scale in added} & {id(weight) for other in others for weight in other.parameters}


def test_frozen_parameters_are_in_no_phase_and_shared_ones_in_one_place():
    model = autoencoder(style())
    model.trunk.requires_grad_(False)
    model.likelihood.decoder = model.decoder
    for schedule in ("joint", "alternating"):
        for phase in build_phases(Losses(model), schedule):
            names = [id(weight) for weight in phase.parameters]
            assert len(names) == len(set(names))
            assert not set(names) & {id(weight) for weight in model.trunk.parameters()}


def test_a_prior_whose_samples_have_a_gradient_does_not_help_the_discriminator():
    class Attached(Moved):
        def forward(self, n, labels=None):
            found = super().forward(n)
            found.sample = found.rsample
            return found

    z = Latent("z", Point(WIDTH, 2), Attached(), adversarial(2))
    phase = build_phases(Losses(autoencoder(z)), "joint")[0]
    phase.loss(batch_for(autoencoder(z)))[0].backward(inputs=phase.parameters)
    assert z.prior.scale.grad is None
