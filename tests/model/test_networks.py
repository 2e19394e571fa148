import pytest
import torch
from torch import nn

from aae.model.corruption import GaussianNoise
from aae.model.networks import CodeLinear, ConvDecoder, ConvTrunk, Discriminator, Dropout, MLPDecoder, MLPTrunk
from aae.system.errors import AAEError
from helpers.close import assert_close
from helpers.models import same_output, through_json, without_gradient

pytestmark = pytest.mark.numeric

SHAPES = [(8, 8), (28, 28), (33, 33), (8, 13), (9, 9, 3), (8, 8, 1)]
TRUNKS = {
    "MLP": lambda: MLPTrunk((4, 5), hidden=(7, 6)),
    "MLP with everything": lambda: MLPTrunk((4, 5), hidden=(7, 6), dropout=0.2, batch_norm=True, noise=0.1),
    "MLP with layer norm": lambda: MLPTrunk((4, 5), hidden=(7, 6), layer_norm=True),
    "linear": lambda: MLPTrunk((4, 5), hidden=()),
    **{f"conv {shape}": lambda shape=shape: ConvTrunk(shape, channels=2, features=6) for shape in SHAPES},
    "conv with dropout": lambda: ConvTrunk((8, 8), channels=2, features=6, dropout=0.5),
    "conv with layer norm": lambda: ConvTrunk((8, 8), channels=2, features=6, batch_norm=False, layer_norm=True),
    "conv without a norm": lambda: ConvTrunk((8, 8), channels=2, features=6, batch_norm=False),
}
DECODERS = {
    "MLP": lambda: MLPDecoder(3, (4, 5), hidden=(6, 7)),
    "MLP with everything": lambda: MLPDecoder(3, (4, 5), hidden=(6, 7), dropout=0.2, batch_norm=True),
    "linear": lambda: MLPDecoder(3, (4, 5), hidden=()),
    **{f"conv {shape}": lambda shape=shape: ConvDecoder(3, shape, channels=2) for shape in SHAPES},
}


def check(network, inputs, shape):
    """The contract of every network, on a batch of inputs."""
    # In evaluation mode: a bias before batch norm has no effect while training.
    network.eval()
    output = network(inputs)
    assert output.shape == (len(inputs), *shape)
    if list(network.parameters()):
        assert not without_gradient(network, output)
    assert torch.equal(output, network(inputs)), "evaluation is deterministic"
    network.train()
    assert network(inputs).shape == output.shape
    assert same_output(network, through_json(network), lambda n: n(inputs))
    assert repr(network).startswith(f"{type(network).__name__}(")


@pytest.mark.parametrize("name", TRUNKS)
def test_every_trunk(name):
    trunk = TRUNKS[name]()
    check(trunk, torch.rand(16, *trunk.shape), (trunk.features,))


@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder(name):
    decoder = DECODERS[name]()
    check(decoder, torch.randn(16, 3), decoder.shape)


@pytest.mark.parametrize("classes", [0, 3])
def test_discriminators(classes):
    discriminator = Discriminator(2, (16, 16), classes=classes)
    check(discriminator, torch.randn(16, 2), ())
    with_labels = discriminator(torch.randn(16, 2), torch.arange(16) % 4 - 1)
    assert with_labels.shape == (16,)
    assert not without_gradient(discriminator, with_labels)


def test_a_discriminator_for_classes_reads_the_label():
    discriminator, codes = Discriminator(2, (16,), classes=3), torch.randn(5, 2)
    unlabelled = torch.full((5,), -1)
    assert torch.equal(discriminator(codes), discriminator(codes, unlabelled))
    logits = [discriminator(codes, torch.full((5,), k)) for k in (-1, 0, 1, 2)]
    assert all((a - b).abs().min() > 0 for i, a in enumerate(logits) for b in logits[:i])
    unconditional = Discriminator(2, (16,))
    assert torch.equal(unconditional(codes), unconditional(codes, torch.arange(5)))


def test_what_is_off_is_left_out_and_what_is_on_comes_in_order():
    plain = [type(layer) for layer in MLPTrunk((4,), (5, 6)).layers]
    assert plain == [nn.Linear, nn.ReLU] * 2
    full = [type(layer) for layer in MLPTrunk((4,), (5,), dropout=0.1, batch_norm=True, noise=0.1).layers]
    assert full == [nn.Linear, nn.BatchNorm1d, GaussianNoise, nn.ReLU, Dropout]
    assert type(MLPDecoder(2, (4,), (5,)).layers[-1]) is nn.Linear


BATCH_NORM_OFF = {
    "MLP": lambda **norm: MLPTrunk((8, 8), (16, 16), **norm),
    "conv": lambda **norm: ConvTrunk((8, 8), channels=4, features=16, batch_norm=False, **norm),
}


@pytest.mark.parametrize("norm", [{}, {"layer_norm": True}])
@pytest.mark.parametrize("name", BATCH_NORM_OFF)
def test_without_batch_norm_a_row_does_not_depend_on_the_others(name, norm):
    trunk, x = BATCH_NORM_OFF[name](**norm), torch.rand(6, 8, 8)
    alone, beside_others = trunk(x[:2]), trunk(torch.cat([x[:2], 5 + x[2:]]))[:2]
    assert_close(alone, beside_others, 8 * 8 * 16)
    assert alone.std(0).max() > 1e-3  # the signal of two images does not die out on its way


@pytest.mark.parametrize("make", [lambda: MLPTrunk((4,), (5,), batch_norm=True, layer_norm=True),
                                  lambda: ConvTrunk((8, 8), layer_norm=True)])
def test_only_one_norm(make):
    with pytest.raises(AAEError, match=r"batch_norm and layer_norm are both on, .*; set the other to false"):
        make()


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.97])
def test_dropout_drops_its_share_and_keeps_the_mean(rate):
    out = Dropout(rate)(torch.ones(1000, 1001))
    dropped = (out == 0).double().mean().item()
    assert dropped == pytest.approx(rate, abs=5e-3)  # five standard deviations and more
    assert out.mean().item() == pytest.approx(1, abs=0.03)
    assert len(out[out != 0].unique()) == 1


def test_dropout_masks_are_independent_between_elements_rows_and_calls():
    dropout = Dropout(0.5)
    first, second = (dropout(torch.ones(500, 1000)) - 1 for _ in range(2))
    for other in (second, first.roll(1, 0), *(first.roll(k, 1) for k in (1, 2, 3, 4, 8))):
        assert (first * other).mean().abs() < 0.008  # five standard deviations


def test_dropout_passes_gradients_where_it_passes_values_and_is_off_in_evaluation():
    dropout, x = Dropout(0.3), torch.randn(40, 7, requires_grad=True)
    out = dropout(x)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert_close(gradient * x, out, 3, out.abs())
    assert torch.equal(dropout.eval()(x), x)
    assert dropout.train()(x.bfloat16()).dtype == torch.bfloat16


def test_dropout_follows_the_generator():
    dropout, x = Dropout(0.3), torch.randn(9, 11)
    torch.manual_seed(3)
    first = dropout(x)
    torch.manual_seed(3)
    assert torch.equal(dropout(x), first)
    assert not torch.equal(dropout(x), first)


def test_codes_stay_float32_under_autocast():
    layer, x = CodeLinear(8, 2), torch.randn(5, 8).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    assert found.dtype == torch.float32
    assert torch.equal(found, layer(x.float()))


def test_a_decoder_may_give_any_real_number():
    decoder = MLPDecoder(2, (50,), hidden=(20,))
    output = decoder(10 * torch.randn(20, 2))
    assert output.min() < -0.5
    assert output.max() > 1.5


def test_a_trunk_reads_the_last_axis_as_colours():
    trunk, x = ConvTrunk((8, 8, 3), channels=2, features=6).eval(), torch.rand(2, 8, 8, 3)
    with torch.no_grad():
        trunk.layers[0].weight[:, 1:] = 0  # reads the first colour only
    recoloured = torch.cat([x[..., :1], torch.rand(2, 8, 8, 2)], -1)
    assert torch.equal(trunk(x), trunk(recoloured))
    assert not torch.equal(trunk(x), trunk(x.flip(-1)))


def test_colours_and_rows_keep_their_positions():
    """A convolution sees neighbours in the image, so a change in one corner stays near it."""
    decoder = ConvDecoder(2, (32, 32, 3), channels=2).eval()
    with torch.no_grad():
        decoder.layers[0].weight.zero_()
        decoder.layers[0].bias.zero_()
        first = decoder(torch.zeros(1, 2))
        decoder.layers[0].bias.view(-1, 4, 4)[:, 0, 0] = 5.0
        changed = (decoder(torch.zeros(1, 2)) - first).abs()[0]
    assert changed[:4, :4].max() > 0
    assert changed[16:].max() == 0
    assert changed[:, 16:].max() == 0


@pytest.mark.parametrize("shape", [(7, 8), (8, 129), (64,), (8, 8, 3, 1)])
@pytest.mark.parametrize("build", [ConvTrunk, lambda shape: ConvDecoder(2, shape)], ids=["trunk", "decoder"])
def test_images_that_are_too_small_or_large_are_refused(shape, build):
    with pytest.raises(AAEError, match=r"sides from 8 to 128, not .*; use the fully connected one"):
        build(shape)


@pytest.mark.parametrize("side", [8, 28, 33, 128])
def test_convolutions_go_down_to_about_four_pixels(side):
    trunk = ConvTrunk((side, side), channels=2, features=6)
    convolutions = trunk.layers[: [type(layer) for layer in trunk.layers].index(nn.Flatten)]
    assert 4 <= convolutions(torch.rand(1, 1, side, side).repeat(2, 1, 1, 1)).shape[-1] <= 6


def test_of_rows_of_unit_length_only_the_direction_counts():
    trunk = MLPTrunk((5,), (4,), unit_length=True)
    x = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    assert_close(trunk(7 * x), trunk(x), terms=5, size=3)
    assert bool(trunk(torch.zeros(1, 5)).isfinite().all())


def test_unit_length_is_the_root_of_the_size_and_kept_in_the_specification():
    trunk = MLPTrunk((2, 2), (3,), unit_length=True).eval()
    plain = MLPTrunk((2, 2), (3,)).eval()
    plain.load_state_dict(trunk.state_dict())
    x = torch.tensor([[[3.0, 0.0], [0.0, 4.0]]])  # of length 5, and then of length 2
    assert_close(trunk(x), plain(x * 2 / 5), terms=8, size=8)
    twin = through_json(trunk)
    assert twin.unit_length
    assert torch.equal(twin(x), trunk(x))
    assert not through_json(plain).unit_length
