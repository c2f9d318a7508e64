"""Files of weights: what is in them is read and never run, and one that is not what it should be says what to do.

Networks of which only the inference is needed are functions of `Weights`, so that they need no package of a research
group.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codec_bench.errors import UnavailableError
from codec_bench.extras import pretrained
from codec_bench.files import linked_folder
from codec_bench.hub import RemoteFile, locate

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Weights:
    """Tensors of a checkpoint by their names, and the layers that they belong to."""

    tensors: Mapping[str, Tensor]

    @property
    def device(self) -> Any:
        """Where they are."""
        return next(iter(self.tensors.values())).device

    def to(self, device: str) -> Weights:
        """Copies elsewhere."""
        return Weights({name: tensor.to(device) for name, tensor in self.tensors.items()})

    def convolution(self, x: Tensor, name: str, **options: Any) -> Tensor:
        """Convolution over time `[batch, channels, frames]`, or over two axes where the weight has two."""
        from torch.nn.functional import conv1d, conv2d

        weight, bias = self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias")
        return (conv2d if weight.ndim == 4 else conv1d)(x, weight, bias, **options)

    def linear(self, x: Tensor, name: str) -> Tensor:
        """Linear layer on the last axis."""
        from torch.nn.functional import linear

        return linear(x, self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias"))

    def norm(self, x: Tensor, name: str, eps: float = 1e-5) -> Tensor:
        """Batch normalization by the statistics of the training."""
        from torch.nn.functional import batch_norm

        mean, variance = (self.tensors[f"{name}.running_{which}"] for which in ("mean", "var"))
        weight, bias = (self.tensors.get(f"{name}.{which}") for which in ("weight", "bias"))
        return batch_norm(x, mean, variance, weight, bias, eps=eps)

    def layer_norm(self, x: Tensor, name: str) -> Tensor:
        """Normalization over the last axis."""
        from torch.nn.functional import layer_norm

        return layer_norm(x, x.shape[-1:], self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def self_attention(self, x: Tensor, name: str, heads: int) -> Tensor:
        """Attention of frames `[batch, frames, d]` to one another, as of `torch.nn.MultiheadAttention`."""
        from torch.nn.functional import linear, scaled_dot_product_attention

        mixed = linear(x, self.tensors[f"{name}.in_proj_weight"], self.tensors[f"{name}.in_proj_bias"])
        query, key, value = (part.view(*x.shape[:2], heads, -1).transpose(1, 2) for part in mixed.chunk(3, dim=2))
        heard = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return self.linear(heard, f"{name}.out_proj")

    def lstm(self, x: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Bidirectional LSTM over `[batch, frames, inputs]`.

        Returns:
            Outputs `[batch, frames, 2 * size]` of all frames, and `[2, batch, size]` of the last one in each direction.
        """
        from torch.nn import LSTM

        prefix = f"{name}."
        tensors = {key.removeprefix(prefix): tensor for key, tensor in self.tensors.items() if key.startswith(prefix)}
        size = tensors["weight_hh_l0"].shape[1]
        # Made without values, for which random numbers of the caller's generator would be drawn.
        layer = LSTM(x.shape[2], size, batch_first=True, bidirectional=True, device="meta")
        layer.to_empty(device=x.device).requires_grad_(False)
        layer.load_state_dict(tensors)
        outputs, (last, _) = layer(x)
        return outputs, last


@contextmanager
def weights_of(network: str, file: RemoteFile, installed: Path | None = None) -> Iterator[Path]:
    """The file of a network's weights, around all that reads it and tries it out.

    Args:
        network: For messages.
        file: The file.
        installed: Where an installed package has it.

    Raises:
        UnavailableError: The file is missing, or could not be read as one of this network.
    """
    path = installed or locate(file)
    try:
        yield path
    except (
        OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, pickle.UnpicklingError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnavailableError(
            f"{path} holds no weights of {network}: {reason}; delete it and fetch it again"
        ) from error


@contextmanager
def pretrained_folder(network: str, files: Sequence[RemoteFile]) -> Iterator[Path]:
    """A folder of files for transformers, around all that reads it.

    Args:
        network: For messages.
        files: The weights last.

    Raises:
        UnavailableError: See `weights_of`.
    """
    found = {Path(file.path).name: locate(file) for file in files}
    with weights_of(network, files[-1]), linked_folder(found) as folder:
        yield folder


def read_pretrained(kind: Any, folder: Path, unneeded: Sequence[str], **options: Any) -> Any:
    """A model of transformers, of which `pytorch_model.bin` has the weights, for inference.

    Args:
        kind: Class of the model.
        folder: See `pretrained_folder`.
        unneeded: Tensors that the file may lack, since only training looks at them.
        options: More of `from_pretrained`.

    Raises:
        KeyError: The file lacks others.
    """
    model, absent = pretrained(kind, folder, use_safetensors=False, weights_only=True, **options)
    check_complete(absent, unneeded)
    return model.eval().requires_grad_(False)


def check_complete(absent: Iterable[str], unneeded: Sequence[str]) -> None:
    """Raises KeyError for tensors that a file lacks, but for those that only training looks at."""
    if missing := [name for name in absent if name not in unneeded]:
        raise KeyError(f"it lacks {len(missing)} tensors, e.g. {missing[0]}")


def read_checkpoint(path: Path, device: Any = "cpu") -> dict[str, Any]:
    """What torch saved as a dictionary, mostly tensors by name.

    Raises:
        TypeError: It is something else; what `torch.load` raises goes through.
    """
    import torch

    loaded = torch.load(path, map_location=device, weights_only=True)
    if not isinstance(loaded, dict):
        raise TypeError(f"it holds a {type(loaded).__name__}")
    return loaded


def read_weights(path: Path, device: str) -> Weights:
    """The tensors that torch saved by name."""
    return Weights(read_checkpoint(path, device))


def loader(
    name: str,
    file: RemoteFile,
    network: Callable[[Weights, Tensor], Tensor],
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    read: Callable[[Path, str], Weights] = read_weights,
) -> Callable[[str], Weights]:
    """Makes `Model.load` of a network: reads its weights, and tries them out, so that names and shapes must fit.

    Args:
        name: For messages.
        file: The weights.
        network: From weights and an input to the output.
        shapes: Of an input, and of its output.
        read: From the file and a device to the weights there.
    """

    def load(device: str) -> Weights:
        import torch

        given, expected = shapes
        with weights_of(name, file) as path, torch.inference_mode():
            weights = read(path, device)
            shape = tuple(network(weights, torch.zeros(given, device=device)).shape)
            if shape != expected:
                raise ValueError(f"its output has the shape {shape}")
        return weights

    return load
