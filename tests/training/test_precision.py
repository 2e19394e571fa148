import pytest
import torch

from aae.system.errors import AAEError
from aae.training import precision
from aae.training.precision import autocast, choose_precision

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(("device", "bf16", "expected"), [(CPU, True, "32"), (CPU, False, "32"), (GPU, True, "bf16"),
                                                          (GPU, False, "32")])  # fmt: skip
def test_auto_is_float32_on_a_processor_and_bf16_on_a_gpu_that_has_it(device, bf16, expected, monkeypatch):
    monkeypatch.setattr(precision, "supports_bf16", lambda device: bf16)
    assert choose_precision("auto", device) == expected


@pytest.mark.parametrize("requested", ["32", "bf16"])
def test_a_request_is_taken(requested, monkeypatch):
    monkeypatch.setattr(precision, "supports_bf16", lambda device: True)
    assert choose_precision(requested, CPU) == choose_precision(requested, GPU) == requested


def test_a_gpu_without_bf16_refuses_it(monkeypatch):
    monkeypatch.setattr(precision, "supports_bf16", lambda device: False)
    with pytest.raises(AAEError, match="This GPU does not support bf16; use --precision 32"):
        choose_precision("bf16", GPU)


@pytest.mark.parametrize("name", ["32", "bf16"])
def test_autocast_computes_in_the_precision(name):
    with autocast(CPU, name):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if name == "bf16" else torch.float32)
