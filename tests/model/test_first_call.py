import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal, OneHotCategorical

import aae
from aae.model.first_call import check_results
from aae.system.errors import AAEError, DivergenceError
from helpers.models import FAMILIES

FEATURES = 4


class Prior(nn.Module):
    """A prior whose distribution is made by a function of the number of rows."""

    def __init__(self, make=lambda n: Independent(Normal(torch.zeros(n, 2), 1.0), 1)):
        super().__init__()
        self.make, self.dim = make, 2

    def forward(self, n, labels=None):
        return self.make(n)


class Exact(Distribution):
    """A distribution without checks of its own, as torch's have."""

    has_rsample = True

    def __init__(self, codes):
        self.codes = codes
        super().__init__(codes.shape[:1], codes.shape[1:], validate_args=False)

    def rsample(self, sample_shape=()):
        return self.codes

    def sample(self, sample_shape=()):
        return self.codes.detach()


class WithMean(Exact):
    @property
    def mean(self):
        return self.codes


class OnlySamples(WithMean):
    def rsample(self, sample_shape=()):
        raise NotImplementedError


class Posterior(aae.Point):
    """A posterior whose result is made by a function of the codes."""

    def __init__(self, make=WithMean):
        super().__init__(FEATURES, 2)
        self.make = make

    def forward(self, features):
        return self.make(self.location(features))


class Rule(nn.Module):
    """A rule whose penalty is made by a function of the codes."""

    def __init__(self, make=lambda codes: codes.square().mean()):
        super().__init__()
        self.make = make

    def penalty(self, posterior, codes, prior):
        return self.make(codes)


class Adversary(nn.Module):
    def __init__(self, discriminator=lambda codes: codes.square().mean(), generator=lambda codes: codes.mean()):
        super().__init__()
        self.weight, self.discriminator, self.generator = 1.0, discriminator, generator

    def discriminator_loss(self, codes, samples, labels):
        return self.discriminator(codes)

    def generator_loss(self, codes, labels):
        return self.generator(codes)


class Trunk(nn.Module):
    """A trunk whose features are made by a function of what a linear layer returns."""

    def __init__(self, make=torch.relu):
        super().__init__()
        self.shape, self.features, self.make = (3,), FEATURES, make
        self.layer = nn.Linear(3, FEATURES)

    def forward(self, x):
        return self.make(self.layer(x))


class Decoder(nn.Module):
    def __init__(self, make=lambda output: output):
        super().__init__()
        self.make = make
        self.layer = nn.Linear(2, 3)

    def forward(self, code):
        return self.make(self.layer(code))


class Likelihood(aae.GaussianLikelihood):
    def loss(self, output, x):
        return super().loss(output, x).mean()


class Merge(nn.Module):
    dim = 2

    def forward(self, codes):
        return codes


class Detaching(Decoder):
    def forward(self, code):
        return super().forward(code.detach())


class Unused(Decoder):
    def forward(self, code):
        return code @ torch.ones(2, 3)


class DetachingMerge(Merge):
    def forward(self, codes):
        return codes["z"].detach()


class DetachingLikelihood(aae.GaussianLikelihood):
    def loss(self, output, x):
        return super().loss(output.detach(), x)


class UnusedScale(aae.GaussianLikelihood):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))


class FlatInTraining(nn.Module):
    def forward(self, x):
        return x.flatten() if self.training else x


class Arms(nn.Module):
    """A prior with an arm for each of three labels."""

    dim, components = 2, 3

    def __init__(self, arm):
        super().__init__()
        self.arm = arm

    def forward(self, n, labels=None):
        arms = torch.randint(3, (n,)) if labels is None else self.arm(labels)
        return Independent(Normal(torch.tensor([[0.0, 0], [1, 0], [2, 0]])[arms], 0.1), 1)


class Mixture(nn.Module):
    """A prior that learns its means."""

    has_density, dim = True, 2

    def __init__(self):
        super().__init__()
        self.means = nn.Parameter(torch.randn(3, 2))

    def forward(self, n, labels=None):
        parts = Independent(Normal(self.means.expand(n, 3, 2), 1.0), 1)
        return MixtureSameFamily(Categorical(torch.ones(n, 3)), parts)


class Location(nn.Module):
    """A prior that learns where it is, through its samples."""

    dim = 2

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.ones(2))

    def forward(self, n, labels=None):
        return Independent(Normal(self.mean.expand(n, 2), 1.0), 1)


def model_of(trunk=None, posterior=None, prior=None, rule=None, decoder=None, **parts):
    z = aae.Latent("z", posterior or Posterior(), prior or Prior(), rule or Rule())
    return aae.Autoencoder([z], trunk or Trunk(), decoder or Decoder(),
                           **{"likelihood": aae.GaussianLikelihood(), **parts})  # fmt: skip


def data_of(rows=30):
    x = np.random.default_rng(0).standard_normal((rows, 3)).astype(np.float32)
    return aae.Dataset("rows", x, np.full(rows, -1), x[:5], np.full(5, -1), [])


def train(model, data=None, **options):
    settings = aae.Settings(steps=1, **options)
    return aae.train(model, data or data_of(), settings, labels=0, progress=False, device="cpu", precision="32")


def nan(tensor):
    return tensor * math.nan


def fail(tensor):
    raise RuntimeError("mat1 and mat2\nshapes")


NORMAL = "such as Independent(Normal(means, 0.1), 1)."
REFUSED = {
    "prior: tensor": ({"prior": Prior(lambda n: torch.randn(n, 2))},
                      f"Prior returns a Tensor, not a distribution; return one of torch.distributions, {NORMAL}"),
    "prior: length": ({"prior": Prior(lambda n: WithMean(torch.zeros(n, 3)))},
                      "Prior draws codes of shape (30, 3) for 30 rows; latent 'z' needs (30, 2)."),
    "prior: one row": ({"prior": Prior(lambda n: WithMean(torch.zeros(2)))}, "Prior draws codes of shape (2,) for 30"),
    "prior: NaN": ({"prior": Prior(lambda n: Exact(nan(torch.ones(n, 2))))}, "Prior returned NaN; check its forward."),
    "prior: torch's NaN": ({"prior": Prior(lambda n: Normal(nan(torch.ones(n, 2)), 1.0))},
                           "Prior returned NaN; check its forward."),
    "prior: torch's scale": ({"prior": Prior(lambda n: Normal(torch.zeros(n, 2), -torch.ones(n, 2)))},
                             "Prior fails when it is given n = 30: Expected parameter scale"),
    "prior: error": ({"prior": Prior(fail)}, "Prior fails when it is given n = 30: mat1 and mat2."),
    "posterior: tensor": ({"posterior": Posterior(lambda codes: codes)}, "Posterior returns a Tensor, not a distrib"),
    "posterior: length": ({"posterior": Posterior(lambda codes: WithMean(codes[:, :1]))},
                          "Posterior draws codes of shape (30, 1) for 30 rows; latent 'z' needs (30, 2)."),
    "posterior: no gradient": (
        {"posterior": Posterior(lambda codes: OneHotCategorical(logits=codes))},
        "Posterior returns a OneHotCategorical, which has no rsample, so that no gradient reaches the encoder; return"),
    "posterior: rsample": ({"posterior": Posterior(OnlySamples)}, "Posterior returns an OnlySamples, which has no rsa"),
    "posterior: no mean": ({"posterior": Posterior(Exact)}, "Posterior returns an Exact, which has no mean, and the"),
    "posterior: infinity": ({"posterior": Posterior(lambda codes: WithMean(codes / 0))},
                            "Posterior returned infinity; check its forward."),
    "posterior: error": ({"posterior": Posterior(fail)},
                         "Posterior fails when it is given a tensor of shape (30, 4): mat1 and mat2."),
    "rule: rows": ({"rule": Rule(lambda codes: codes.square().sum(1))},
                   "Rule.penalty returns a tensor of shape (30,), not one number; return the mean over the rows"),
    "rule: plain number": ({"rule": Rule(lambda codes: 1.0)}, "Rule.penalty returns a float, not one number"),
    "rule: NaN": ({"rule": Rule(lambda codes: nan(codes.mean()))}, "Rule.penalty returned NaN; check that method."),
    "rule: no gradient": ({"rule": Rule(lambda codes: codes.detach().mean())},
                          "Rule.penalty returns a number without a gradient, from which nothing learns; compute it"),
    "rule: error": ({"rule": Rule(fail)}, "Rule.penalty fails when it is given a WithMean, a tensor of shape (30, 2),"),
    "adversary: rows": ({"rule": Adversary(generator=lambda codes: codes)},
                        "Adversary.generator_loss returns a tensor of shape (30, 2), not one number"),
    "adversary: NaN": ({"rule": Adversary(discriminator=lambda codes: nan(codes.mean()))},
                       "Adversary.discriminator_loss returned NaN; check that method."),
    "discriminator: shape": ({"rule": aae.Adversarial(nn.Bilinear(2, 2, 1))},
                             "Adversarial.discriminator_loss fails when it is given a tensor of shape (30, 2), a ten"),
    "trunk: shape": ({"trunk": Trunk(lambda features: features[:, None])},
                     "The trunk Trunk returns a tensor of shape (30, 1, 4) for 30 rows; it must be a tensor of shape "
                     "(30, 4)."),
    "trunk: tuple": ({"trunk": Trunk(lambda features: (features, None))},
                     "The trunk Trunk returns a tuple for 30 rows; it must be a tensor of shape (30, 4)."),
    "trunk: NaN": ({"trunk": Trunk(nan)}, "Trunk returned NaN; check its forward."),
    "trunk: error": ({"trunk": Trunk(fail)}, "Trunk fails when it is given a tensor of shape (30, 3): mat1 and mat2."),
    "posterior: dtype": ({"posterior": Posterior(lambda codes: WithMean(codes.double()))},
                         "Decoder fails when it is given a float64 tensor of shape (30, 2): "),
    "decoder: shape": ({"decoder": Decoder(lambda output: output[:, :2])},
                       "The decoder Decoder returns a tensor of shape (30, 2) for 30 rows; it must be a tensor of "
                       "shape (30, 3)."),
    "decoder: infinity": ({"decoder": Decoder(lambda output: output.abs() / 0)},
                          "Decoder returned infinity; check its forward."),
    "decoder: error": ({"decoder": Decoder(fail)}, "Decoder fails when it is given a tensor of shape (30, 2): mat1"),
    "likelihood: number": ({"likelihood": Likelihood()},
                           "The likelihood Likelihood.loss returns a tensor of shape () for 30 rows; it must be a"),
    "merge: dictionary": ({"merge": Merge()}, "The merge Merge returns a dict for 30 rows; it must be a tensor of"),
    "prior: rows as one event": ({"prior": Prior(lambda n: Normal(torch.zeros(n, 2), 1.0))},
                                 "Prior returns a Normal of batch shape (30, 2) and event shape (), which should be "
                                 "(30,) and (2,); wrap it: Independent(..., 1)."),
    "posterior: rows as one event": ({"posterior": Posterior(lambda codes: Normal(codes, 1.0))},
                                     "Posterior returns a Normal of batch shape (30, 2) and event shape (), which"),
    "trunk: detached": ({"trunk": Trunk(torch.detach)},
                        "The trunk Trunk gives values without a gradient, so that it does not learn; compute it "
                        "without detach(), item() and torch.no_grad(), or freeze Trunk with requires_grad_(False)."),
    "posterior: detached": ({"posterior": Posterior(lambda codes: WithMean(codes.detach()))},
                            "The posterior Posterior gives values without a gradient, so that the parts before it do"),
    "decoder: detached": ({"decoder": Decoder(torch.detach)}, "The decoder Decoder gives values without a gradient"),
    "decoder: input detached": ({"decoder": Detaching()}, "The decoder Detaching passes no gradient on to what it is"),
    "merge: detached": ({"merge": DetachingMerge()}, "The merge DetachingMerge gives values without a gradient"),
    "likelihood: detached": ({"likelihood": DetachingLikelihood()},
                             "The likelihood DetachingLikelihood.loss gives values without a gradient"),
    "changed in place": ({"decoder": Decoder(lambda output: output.sigmoid().mul_(2))},
                         "The decoder Decoder has no gradient that can be computed: one of the variables needed"),
    "decoder: weights unused": ({"decoder": Unused()}, "Unused has parameters that no loss reaches (layer.weight, "
                                "layer.bias), so that they would never learn; register them as buffers, freeze"),
    "likelihood: weight unused": ({"likelihood": UnusedScale()},
                                  "UnusedScale has a parameter that no loss reaches (scale), so that it would never "
                                  "learn; register it as a buffer, freeze it with requires_grad_(False), or use it in "
                                  "what it returns."),
    "corruption: in training": ({"corruption": FlatInTraining()}, "The corruption FlatInTraining returns a tensor of"),
    "corruption: shape": ({"corruption": nn.Flatten(0)}, "The corruption Flatten returns a tensor of shape (90,) for"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_part_that_returns_something_else_is_refused_before_the_training(case):
    parts, sentence = REFUSED[case]
    with pytest.raises(AAEError) as error:
        train(model_of(**parts))
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


def test_the_error_of_a_part_is_the_cause_of_the_sentence():
    with pytest.raises(AAEError) as error:
        train(model_of(trunk=Trunk(fail)))
    assert isinstance(error.value.__cause__, RuntimeError)


def test_parts_that_are_right_are_trained():
    model = model_of()
    before = model.decoder.layer.weight.clone()
    assert train(model).step == 1
    assert not torch.equal(model.decoder.layer.weight, before)
    assert train(model_of(rule=Adversary())).step == 1


def test_the_calls_change_neither_random_states_nor_modes_nor_what_batch_norm_has_seen():
    norm = nn.BatchNorm1d(FEATURES)
    model, drawn = model_of(trunk=Trunk(norm)).train(), []
    model.latent("z").matching[0].make = lambda codes: drawn.append(torch.rand(1)) or codes.mean()
    state, seen = torch.get_rng_state(), norm.running_mean.clone()
    check_results(model, torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    assert drawn
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert model.trunk.training
    assert torch.equal(norm.running_mean, seen)
    assert all(weight.grad is None for weight in model.parameters())


def test_a_frozen_encoder_may_have_a_penalty_without_a_gradient():
    model = model_of()
    for part in (model.trunk, model.latent("z").posterior):
        part.requires_grad_(False)
    check_results(model, torch.randn(4, 3))


@pytest.mark.parametrize("spoil", ["rows", "weights of an own trunk", "weights of the package's trunk"])
def test_a_part_is_not_blamed_for_what_it_is_given(spoil):
    model, x = model_of(trunk=aae.MLPTrunk((3,), (FEATURES,)) if "package" in spoil else Trunk()), torch.randn(4, 3)
    if spoil == "rows":
        x[0, 0] = math.nan
    else:
        next(model.trunk.parameters()).data.fill_(math.nan)
    check_results(model, x)
    model.latent("z").posterior.make = lambda codes: Normal(codes, 1.0)  # which checks its parameters
    with pytest.raises(AAEError, match=r"Posterior fails when it is given a tensor .* that holds NaN or infinity: "):
        check_results(model, x)


def test_the_parts_see_rows_of_the_size_of_a_batch():
    """A rule may need many rows, such as for the rank of a covariance."""
    sizes = []
    model = model_of(rule=Rule(lambda codes: sizes.append(len(codes)) or codes.mean()))
    for rows, batch in ((300, 100), (300, 20), (30, 100), (30, 1)):
        train(model, data_of(rows), batch_size=batch)
    assert sizes[::2] == [64, 20, 30, 2]  # each is followed by the one of a step


def test_labels_reach_the_prior_and_the_discriminator_that_need_them():
    prior, seen = aae.ring_mixture(3), []
    rule = aae.Adversarial(aae.Discriminator(2, (8,), classes=3))
    rule.discriminator.register_forward_pre_hook(lambda module, given: seen.append(given[1]))
    z = aae.Latent("z", Posterior(), prior, rule, label="conditioned")
    model = aae.Autoencoder([z], Trunk(), Decoder(), likelihood=aae.GaussianLikelihood())
    check_results(model, torch.randn(4, 3))
    assert seen
    assert all(labels.tolist() in ([0] * 4, [0] * 8) for labels in seen)


def test_values_that_are_never_finite_are_not_blamed_on_the_learning_rate():
    class InTraining(Rule):
        def penalty(self, posterior, codes, prior):
            return codes.mean() * (math.nan if self.training else 1.0)

    with pytest.raises(DivergenceError) as error:
        train(model_of(rule=InTraining()))
    assert str(error.value) == (
        "Training diverged: intraining_z became NaN or infinite in the first step, before any weight changed, so that "
        "the learning rate is not the cause; check the values of the data and what the parts of the model return."
    )


def conditioned(arm, classes=3):
    rule = aae.Adversarial(aae.Discriminator(2, (8,), classes=classes))
    z = aae.Latent("z", Posterior(), Arms(arm), rule, label="conditioned")
    return aae.Autoencoder([z], Trunk(), Decoder(), likelihood=aae.GaussianLikelihood())


def drawn(labels):
    return torch.where(labels >= 0, labels, torch.randint(3, labels.shape))


@pytest.mark.parametrize(("arm", "sentence"), [
    (nn.functional.one_hot, "Arms fails when it is given n = 4, an int64 tensor of shape (4,): Class values must be"),
    (lambda labels: labels, "Arms takes -1, a row without a label, for its last component; draw the component of such"),
    (lambda labels: torch.where(labels == 2, 7, drawn(labels)), "Arms fails when it is given n = 4, an int64 tensor"),
])
def test_a_prior_is_given_every_label_and_rows_without_one(arm, sentence):
    with pytest.raises(AAEError) as error:
        check_results(conditioned(arm), torch.randn(4, 3))
    assert str(error.value).startswith(sentence)
    check_results(conditioned(drawn), torch.randn(4, 3))
    check_results(conditioned(drawn), torch.randn(2, 3))  # fewer rows than labels


def test_a_rule_that_needs_a_density_names_the_part_without_one():
    class Posterior(aae.Gaussian):
        def forward(self, features):
            return WithMean(super().forward(features).rsample())

    model = model_of(posterior=Posterior(FEATURES, 2), prior=aae.GaussianPrior(2), rule=aae.KL())
    with pytest.raises(AAEError) as error:
        check_results(model, torch.randn(4, 3))
    assert str(error.value) == (
        "Posterior returns a WithMean, which has no log_prob, and KL needs it; write a log_prob(codes) that returns "
        "nats of each row, or use Adversarial or MMD matching."
    )


def test_a_divergence_must_be_one_number_for_each_row():
    class Posterior(aae.Gaussian):
        def forward(self, features):
            return Values(super().forward(features).rsample())

    class Values(WithMean):
        def log_prob(self, codes):
            return -codes.square()

    model = model_of(posterior=Posterior(FEATURES, 2), prior=aae.GaussianPrior(2), rule=aae.KL())
    with pytest.raises(AAEError, match=r"^KL.divergence returns a tensor of shape \(2, 2\) for 2 rows"):
        check_results(model, torch.randn(2, 3))


@pytest.mark.parametrize("rule", [aae.MMD(), Adversary(lambda codes: codes.mean()), aae.KL()])
def test_a_prior_with_parameters_learns_or_is_refused(rule):
    posterior = aae.Gaussian(FEATURES, 2)
    model = model_of(posterior=posterior, prior=Mixture(), rule=rule)
    before = model.latent("z").prior.means.detach().clone()
    if isinstance(rule, aae.KL):
        train(model)
        assert not torch.equal(model.latent("z").prior.means, before)
        return
    with pytest.raises(AAEError) as error:
        train(model)
    assert str(error.value) == (
        "Mixture has a parameter that no loss reaches (means), so that it would never learn; register it as a buffer, "
        "freeze it with requires_grad_(False), or match the prior by KL, or by MMD if it has an rsample."
    )
    model.latent("z").prior.means.requires_grad_(False)
    train(model)
    assert torch.equal(model.latent("z").prior.means, before)


def test_a_prior_learns_through_its_samples():
    model = model_of(prior=Location(), rule=aae.MMD())
    train(model)
    assert not torch.equal(model.latent("z").prior.mean, torch.ones(2))


def test_a_frozen_trunk_stays_as_it_is():
    model = model_of(trunk=Trunk(torch.detach).requires_grad_(False))
    before = [weight.clone() for weight in model.trunk.parameters()]
    train(model)
    assert all(map(torch.equal, model.trunk.parameters(), before))


def test_a_backbone_may_have_weights_that_are_not_used():
    trunk = Trunk()
    trunk.head = nn.Linear(2, 2)  # as a pretrained network has
    assert train(model_of(trunk=trunk)).step == 1


@pytest.mark.parametrize("name", FAMILIES)
def test_models_of_the_package_pass(name):
    model = FAMILIES[name]()
    check_results(model, torch.rand(4, *model.input_shape))


def test_a_part_may_keep_what_it_computed():
    """Such as the cost of a quantised code; a model with a moving average is copied before its first step."""
    class Quantised(Merge):
        def __init__(self):
            super().__init__()
            self.book = nn.Parameter(torch.randn(8, 2))

        def forward(self, codes):
            nearest = self.book[torch.cdist(codes["z"], self.book).argmin(1)]
            self.cost = (nearest - codes["z"].detach()).square().mean()
            return codes["z"] + (nearest - codes["z"]).detach()

        def penalty(self):
            return self.cost

    model = model_of(merge=Quantised())
    before = model.merge.book.detach().clone()
    train(model, ema_decay=0.9)
    assert not torch.equal(model.merge.book, before)


class Keeping(Trunk):
    """A trunk that keeps what it saw: in a dictionary, a list, a new attribute, and the statistics of batch norm."""

    def __init__(self):
        super().__init__()
        self.seen, self.history, self.norm = {}, [], nn.BatchNorm1d(FEATURES)

    def forward(self, x):
        found = self.norm(self.layer(x))
        self.seen["features"], self.last = found, Normal(found, 1.0)
        self.history.append(found)
        return found


class ForwardInTraining(Trunk):
    def forward(self, x):
        with torch.set_grad_enabled(self.training):
            return self.layer(x)


class Probe(Posterior):
    def forward(self, features):
        return super().forward(features.detach())


class TwoValues(nn.Module):
    """A decoder of a mean and a scale for each value, which the likelihood of one's own reads."""

    def __init__(self):
        super().__init__()
        self.shape, self.layer = (3,), nn.Linear(2, 6)

    def forward(self, code):
        return self.layer(code).unflatten(1, (3, 2))


class Heteroscedastic(nn.Module):
    def mean(self, output):
        return output[..., 0]

    def loss(self, output, x):
        return -Normal(output[..., 0], output[..., 1].exp()).log_prob(x).sum(1)


class Wide(nn.Module):
    """A prior with a component of its own, wider than the last one, for rows without a label."""

    def __init__(self):
        super().__init__()
        self.dim, self.components = 2, 2
        self.register_buffer("table", torch.tensor([[1.0, 1.0, 0.5], [0.0, 0.0, 0.5], [0.0, 0.0, 4.0]]))

    def forward(self, n, labels=None):
        row = self.table[torch.full((n,), -1) if labels is None else labels]
        return Independent(Normal(row[:, :2], row[:, 2:]), 1)


def test_older_weight_norm_can_be_averaged():
    """It keeps a weight with a graph in an attribute of torch's own module."""
    trunk = Trunk()
    with warnings.catch_warnings(action="ignore"):
        trunk.layer = nn.utils.weight_norm(trunk.layer)
    train(model_of(trunk=trunk), ema_decay=0.9)


def test_tied_weights_are_trained_into_a_run(tmp_path):
    rule = aae.Adversarial(aae.Discriminator(2, hidden=(4,)))
    latents = [aae.Latent(name, aae.Point(8, 2), aae.GaussianPrior(2), rule) for name in ("a", "b")]
    decoder = aae.MLPDecoder(4, (3,), hidden=(8,))
    model = aae.Autoencoder(latents, aae.MLPTrunk((3,), hidden=(8,)), decoder, aae.GaussianLikelihood())
    result = aae.train(model, data_of(), aae.Settings(steps=2), labels=0, progress=False, out=tmp_path / "run")
    again = aae.load(tmp_path / "run")
    rows = result.data.test_x
    assert np.array_equal(aae.encode(again, rows)["a"], aae.encode(result.model, rows)["a"])


def test_the_call_leaves_nothing_behind():
    trunk = Keeping()
    check_results(model_of(trunk=trunk), torch.randn(30, 3))
    assert (trunk.seen, trunk.history, hasattr(trunk, "last")) == ({}, [], False)
    assert torch.equal(trunk.norm.running_mean, torch.zeros(FEATURES))
    assert trunk.norm.num_batches_tracked == 0


@pytest.mark.parametrize("parts", [
    {"trunk": Keeping()},
    {"trunk": ForwardInTraining()},
    {"decoder": TwoValues(), "likelihood": Heteroscedastic()},
    {"rule": Rule(lambda codes: codes.new_zeros(()))},  # before a warm-up
    {"rule": Rule(lambda codes: 0.0 * codes.detach().sum())},
], ids=lambda parts: "-".join(type(part).__name__ for part in parts.values()))  # fmt: skip
def test_parts_that_learn_in_their_own_way_are_taken(parts):
    check_results(model_of(**parts), torch.randn(30, 3))


def test_a_probe_beside_a_latent_that_teaches_the_trunk_is_taken():
    latents = [aae.Latent("z", Posterior(), Prior(), Rule()), aae.Latent("p", Probe(), Prior(), Rule())]
    model = aae.Autoencoder(latents, Trunk(), aae.MLPDecoder(4, (3,), hidden=(4,)))
    check_results(model, torch.randn(30, 3))
    alone = aae.Autoencoder(latents[1:], Trunk(), aae.MLPDecoder(2, (3,), hidden=(4,)))
    with pytest.raises(AAEError, match="The posterior Probe passes no gradient on"):
        check_results(alone, torch.randn(30, 3))


def test_a_component_of_its_own_for_rows_without_a_label_is_taken():
    rule = aae.Adversarial(aae.Discriminator(2, hidden=(4,), classes=2))
    z = aae.Latent("z", Posterior(), Wide(), rule, label="conditioned")
    check_results(aae.Autoencoder([z], Trunk(), aae.MLPDecoder(2, (3,), hidden=(4,))), torch.randn(30, 3))
