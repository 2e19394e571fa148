import json

import pytest
import torch
from safetensors.torch import load, save

from aae.system.errors import AAEError
from aae.system.tensors import pack_tensors, unpack_tensors
from helpers.runs import differences

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(True), "c": torch.zeros(0, 4), "d": torch.tensor(3)}
FACTS = {"model": "one", "aae": "0.1"}


def test_round_trip():
    tensors, facts = unpack_tensors(pack_tensors(TENSORS, FACTS), "here")
    assert facts == FACTS
    assert not differences(tensors, TENSORS)


def test_the_same_tensors_give_the_same_bytes():
    assert len({pack_tensors(TENSORS, dict(order)) for order in (FACTS.items(), reversed(FACTS.items()))}) <= 2
    assert pack_tensors(TENSORS, FACTS) == pack_tensors(dict(reversed(TENSORS.items())), FACTS)


def test_a_file_without_a_checksum_is_accepted():
    for metadata in (None, {"format": "pt"}):
        tensors, facts = unpack_tensors(save(TENSORS, metadata=metadata), "here")
        assert facts == {}
        assert torch.equal(tensors["a"], TENSORS["a"])


def test_flipped_bits_and_truncation_are_detected():
    raw, refused = pack_tensors(TENSORS, FACTS), 0
    for place in range(len(raw)):
        for bit in range(8):
            damaged = bytearray(raw)
            damaged[place] ^= 1 << bit
            refused += not harmless(bytes(damaged))
    assert refused > 7 * len(raw)
    assert not any(harmless(raw[:length]) for length in range(len(raw)))


def harmless(raw):
    """Whether bytes are accepted; if so, they must give what was written."""
    try:
        tensors, _ = unpack_tensors(raw, "here")
    except AAEError:
        return False
    assert not differences(tensors, TENSORS)
    return True


@pytest.mark.parametrize("text", ["", "[]", "3", "0.1.0", "null", '{"sha256": 7}', '{"sha256": "00"}', "[" * 9000])
def test_invalid_metadata_is_refused(text):
    with pytest.raises(AAEError, match=r"here is damaged"):
        unpack_tensors(save(TENSORS, metadata={"aae": text}), "here")


def test_sizes_beyond_the_file_are_refused():
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**60], "data_offsets": [0, 2**62]}}).encode()
    with pytest.raises(AAEError, match=r"here is damaged"):
        unpack_tensors(len(header).to_bytes(8, "little") + header + bytes(64), "here")


def test_tensors_are_not_views_of_the_bytes():
    """Tensors have their own memory and are not views of the bytes."""
    raw = pack_tensors(TENSORS, FACTS)
    unpack_tensors(raw, "here")[0]["a"].zero_()
    assert load(raw)["a"].sum() == 15


def test_a_single_value_that_is_expanded():
    tensors = {"a": torch.arange(3.0)[1:2].expand(1)[:, None].expand(1, 1), "b": torch.zeros(()).expand(1)}
    found, _ = unpack_tensors(pack_tensors(tensors, {}), "here")
    assert {name: value.tolist() for name, value in found.items()} == {"a": [[1.0]], "b": [0.0]}


def test_tensors_that_share_memory_are_written_each():
    weight = torch.arange(6.0).reshape(2, 3)
    raw = pack_tensors({"a": weight, "b": weight, "c": weight[1]}, {})
    tensors, _ = unpack_tensors(raw, "file")
    assert torch.equal(tensors["a"], weight)
    assert torch.equal(tensors["b"], weight)
    assert torch.equal(tensors["c"], weight[1])
