import logging

import pytest
import torch

from aae.distributed.fabric import check_device, make_fabric
from aae.system.errors import AAEError


@pytest.mark.parametrize(("device", "precision"), [("gpu", "32"), ("cpu", "16"), ("", "auto"), ("cpu", "bf16-mixed")])
def test_unknown_devices_and_precisions(device, precision):
    with pytest.raises(AAEError, match=r"Device is auto, cpu or cuda and precision auto, 32 or bf16; not "):
        check_device(device, precision)


def test_cuda_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(AAEError, match=r"PyTorch finds none here; use --device cpu or auto"):
        make_fabric("cuda")
    assert make_fabric("auto").device.type == "cpu"


def test_the_log_stays_quiet(caplog):
    with caplog.at_level(logging.INFO):
        make_fabric("cpu")
    assert not caplog.records
