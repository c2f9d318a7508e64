"""The tasks, each with one small recipe that is the same for all systems.

A published probe cannot be repeated where its learning rate, its epochs or its early stopping are not known. Here all
of it is in one frozen object per task. Its fingerprint is in `run.json`; changing a recipe means raising its version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from codec_bench.errors import UnavailableError, UsageError
from codec_bench.extras import cannot_import
from codec_bench.fingerprint import address
from codec_bench.registry import unknown

Target = Literal["label", "speaker", "text", "phones"]
Head = Literal["linear", "mlp", "asp", "ecapa", "attention", "bilstm", "arch", "bert", "gpt2"]

WAVEFORM_KINDS = ("speed", "noise", "reverb")
"""What changes a recording before it is encoded; see `augmentation.py`."""

KINDS = ("mask", "mix", *WAVEFORM_KINDS)
"""What `--augmentation` may name."""


@dataclass(frozen=True)
class Augmentation:
    """How the recordings of the training part are varied.

    Each time that a recording is trained on, it is itself or one of its variants (one for each kind that changes the
    waveform), all equally likely; then its frames are masked, and mixed with those of another one. Speeds, ratios and
    masks are those of SpeechBrain's recipes, which drop bands and chunks of the waveform where frozen frames have
    dimensions and frames; its rooms and noises are recorded ones.

    Attributes:
        kinds: Which of `KINDS`.
        version: Raised whenever what is trained on changes.
        chunks: Least and most stretches of frames that are zeroed.
        chunk_seconds: Least and most seconds of one.
        chunk_share: It is no longer than this share of what is seen, so that something is left of spoken digits.
        bands: Least and most stretches of the dimensions of frame vectors that are zeroed.
        band_width: Share of the dimensions that one has.
        mix_share: Share of the batches in which frame vectors and losses of pairs are mixed, one weight for all pairs
            (H. Zhang et al., "mixup", ICLR 2018).
        mix_alpha: The weight is drawn from Beta(alpha, alpha); share and alpha as for AudioSet in Y. Gong et al.,
            "PSLA", TASLP 2021.
        speeds: One of these is drawn for each recording.
        snr_db: Ends of the signal-to-noise ratios, drawn evenly.
        t60_seconds: Ends of the reverberation times, drawn evenly.
    """

    kinds: tuple[str, ...]
    version: int = 1
    chunks: tuple[int, int] = (1, 5)
    chunk_seconds: tuple[float, float] = (0.0625, 0.125)
    chunk_share: float = 0.1
    bands: tuple[int, int] = (1, 3)
    band_width: float = 0.05
    mix_share: float = 0.5
    mix_alpha: float = 10.0
    speeds: tuple[float, ...] = (0.95, 1.05)
    snr_db: tuple[float, float] = (0.0, 15.0)
    t60_seconds: tuple[float, float] = (0.3, 1.0)

    @property
    def waveform_kinds(self) -> tuple[str, ...]:
        """The kinds that need frames of their own."""
        return tuple(kind for kind in WAVEFORM_KINDS if kind in self.kinds)


@dataclass(frozen=True)
class Recipe:
    """How one task is trained and tested.

    Attributes:
        task: Name on the command line.
        title: For people.
        target: What is predicted: a label, the speaker, the characters or the phones of the transcript.
        version: Raised whenever results change.
        head: What is trained on top of the frames; see `heads.py`.
        heads: What `--head` may choose besides what papers describe; see `heads_of`.
        speaker_disjoint: Whether splits that are drawn here keep speakers apart.
        folds: Folds of the cross-validation where the data set defines no split; 1 for a single split.
        width: Size of a frame vector: of the learned embeddings, or of the projection of continuous frames.
        hidden: Size of the hidden layer, per direction of a BiLSTM.
        dropout: On frame vectors and on the hidden layer, in training.
        frame_rates: Least and most frames per second that the head sees: slower ones are repeated, of faster ones
            neighbours are stacked.
        crop_seconds: In training, longer recordings are cropped at random to this many seconds.
        differences: Seconds before and after a continuous frame whose difference is appended to it; 0 for none. Few
            recordings do not teach a probe how spectra change, and tokens of a codec often tell it.
        mask_share: In training, a random stretch of up to this share of the frames is zeroed, twice.
        batch: Utterances per step.
        epochs: At most.
        patience: Training stops after this many epochs without a better score (for texts, without a lower loss) on the
            development split.
        warmup: Share of the steps over which the learning rate rises linearly; a half cosine to zero follows.
        learning_rates: Candidates, rising; one is chosen on the development split.
        weight_decay: Weight decay of AdamW.
        clip: Largest norm of the gradient.
        margin: Angle in radians that AAM-softmax adds (heads `asp` and `ecapa`).
        scale: Factor of its cosines.
        beam: Prefixes that the beam search keeps (head `bilstm`); 0 for none.
        augmentation: How the training part is varied; None if it is not.
        layers: Layers of a transformer (heads `bert` and `gpt2`).
        attention: Its attention heads.
        warmup_steps: Steps over which the learning rate rises, instead of a share of all; it rises to the end of a
            training that has fewer.
        decay: How it falls, where not along a half cosine.
    """

    task: str
    title: str
    target: Target
    head: Head
    heads: tuple[Head, ...]
    version: int = 1
    speaker_disjoint: bool = True
    folds: int = 1
    width: int = 64
    hidden: int = 128
    dropout: float = 0.2
    frame_rates: tuple[float, float] = (0.0, 50.0)
    crop_seconds: float | None = 2.0
    differences: float = 0.0
    mask_share: float = 0.0
    batch: int = 32
    epochs: int = 30
    patience: int = 5
    warmup: float = 0.1
    learning_rates: tuple[float, ...] = (3e-3, 1e-2)
    weight_decay: float = 0.01
    clip: float = 5.0
    margin: float = 0.2
    scale: float = 16.0
    beam: int = 8
    augmentation: Augmentation | None = None
    layers: int = 0
    attention: int = 0
    warmup_steps: int = 0
    decay: Literal["", "linear"] = ""

    @property
    def is_sequence(self) -> bool:
        """Whether the answer is a text and not a class."""
        return self.target in ("text", "phones")

    @property
    def is_autoregressive(self) -> bool:
        """Whether the head says a text symbol by symbol; otherwise CTC reads it off the frames."""
        return self.head == "gpt2"

    @property
    def is_transformer(self) -> bool:
        """Whether the head is a transformer, with normalisation and dropout of its own."""
        return self.head in ("bert", "gpt2")

    @property
    def has_cosines(self) -> bool:
        """Whether the head gives cosines, which AAM-softmax trains."""
        return self.head in ("asp", "ecapa")

    @property
    def fingerprint(self) -> str:
        """Content address of everything that the recipe says."""
        return address(recipe=self.described())

    def described(self) -> dict[str, Any]:
        """Everything that it says, as plain data; what is off is left out."""
        return {name: value for name, value in asdict(self).items() if value or name not in OFF}


OFF = ("augmentation", "layers", "attention", "warmup_steps", "decay")
"""Fields that are no part of a recipe where they say nothing: results of before there was such a field still hold."""

PUBLISHED: dict[Head, dict[str, Any]] = {
    "arch": {
        "dropout": 0.0, "frame_rates": (0.0, 1e6), "crop_seconds": None, "differences": 0.0, "epochs": 100,
        "patience": 100, "learning_rates": (1e-3,), "clip": 1e6, "decay": "linear",
    },
    "bert": {
        "width": 768, "layers": 12, "attention": 12, "dropout": 0.1, "frame_rates": (0.0, 1e6), "crop_seconds": None,
        "differences": 0.0, "batch": 32, "epochs": 20, "patience": 20, "warmup_steps": 5_000,
        "learning_rates": (5e-4,),
    },
}  # fmt: skip
"""Heads with a recipe of their own, which a paper describes.

`arch`: a linear layer on the mean over time of frames as they are, trained as by the code of ARCH (M. La Quatra et al.,
"Benchmarking Representations for Speech, Music, and Acoustic Events", 2024), on which WavTokenizer is compared.
`bert` and `gpt2` (for texts): MagiCodec (Y. Song et al., 2025, section 4.1.5). What it leaves open is as elsewhere:
weight decay, clipping, and that the epoch with the best score on the development part is tested.
"""
PUBLISHED["gpt2"] = PUBLISHED["bert"] | {"mask_share": 0.0, "beam": 0}

NEEDED: dict[Head, tuple[tuple[str, ...], str]] = {
    "ecapa": (("speechbrain", "hyperpyyaml", "sentencepiece", "torchaudio"), "speechbrain"),
    "bert": (("transformers",), "transformers"),
    "gpt2": (("transformers",), "transformers"),
}
"""What heads import, and the extra that has it."""

POOLED: tuple[Head, ...] = ("mlp", "linear", "asp", "attention")

RECIPES: dict[str, Recipe] = {
    recipe.task: recipe
    for recipe in (
        Recipe("asr", "speech recognition", "text", "bilstm", ("bilstm",), crop_seconds=None, mask_share=0.1,
               frame_rates=(25.0, 34.0), hidden=64, batch=4, epochs=40, patience=8),
        Recipe("phone", "phone recognition", "phones", "bilstm", ("bilstm",), crop_seconds=None, mask_share=0.1,
               frame_rates=(25.0, 34.0), hidden=64, batch=4, epochs=40, patience=8),
        Recipe("sid", "speaker identification", "speaker", "asp", ("asp", "ecapa", "linear", "mlp"),
               speaker_disjoint=False),
        Recipe("er", "emotion recognition", "label", "linear", POOLED, version=2, folds=4, crop_seconds=4.0,
               frame_rates=(0.0, 25.0), learning_rates=(1e-3, 3e-3), epochs=40, patience=8),
        Recipe("sed", "sound event detection", "label", "asp", POOLED, version=2, folds=5, differences=0.02),
        Recipe("intent", "intent classification", "label", "mlp", POOLED),
        Recipe("digits", "spoken digits", "label", "mlp", POOLED),
        Recipe("nonverbal", "nonverbal sounds", "label", "mlp", POOLED),
    )
}  # fmt: skip

SETS: dict[str, tuple[str, ...]] = {
    "asr": ("aishell-1", "librispeech-asr"),
    "phone": ("librispeech-asr",),
    "sid": ("voxceleb1",),
    "er": ("iemocap",),
    "sed": ("audioset",),
    "intent": ("slurp",),
    "digits": ("audiomnist",),
    "nonverbal": ("vocalsound",),
}
"""The data sets on which LongCat probes a task, else MagiCodec (`phone`, `nonverbal`) or WavTokenizer."""

AUGMENTED: dict[str, tuple[str, ...]] = {
    "asr": ("mask", "speed"),
    "phone": ("mask", "speed"),
    "sid": ("mask", "noise", "reverb"),
    "er": ("mask", "noise", "reverb"),
    "sed": ("mask", "mix", "speed", "noise", "reverb"),
    "intent": ("mask", "speed", "noise", "reverb"),
    "digits": ("mask", "noise", "reverb"),
    "nonverbal": ("mask", "noise", "reverb"),
}
"""What `--augment` does for each task, as SpeechBrain's recipes for LibriSpeech (CTC), VoxCeleb, UrbanSound8k, SLURP
and Google's speech commands do; emotions and vocal sounds are treated as commands, and sounds are also mixed."""


def augmented(recipe: Recipe, kinds: Sequence[str]) -> Recipe:
    """A recipe with augmentation of some kinds, of its own ones where they are `recipe`; as it is where there are none.

    Raises:
        UsageError: There is no such kind, or the recipe cannot have it.

    >>> augmented(RECIPES["sed"], ["mix"]).augmentation.kinds, augmented(RECIPES["sed"], []).augmentation
    (('mix',), None)
    """
    for kind in kinds:
        if kind not in (*KINDS, "recipe"):
            raise UsageError(unknown("kind of augmentation", kind, [*KINDS, "recipe"]))
    if not kinds:
        return recipe
    wanted = {kind for name in kinds for kind in (AUGMENTED[recipe.task] if name == "recipe" else [name])}
    if recipe.is_sequence and "mix" in wanted:
        raise UsageError(f"--augmentation mix: two texts at once are no target of {recipe.task}")
    return replace(recipe, augmentation=Augmentation(tuple(kind for kind in KINDS if kind in wanted)))


def recipe_of(task: str, head: str | None = None) -> Recipe:
    """The recipe of a task.

    Args:
        task: Its name.
        head: Another head than the task's own.

    Raises:
        UsageError: There is no such task, or it cannot have that head.
        UnavailableError: The head needs a package that is not installed.

    >>> recipe_of("sid").head, recipe_of("sid", "linear").head, recipe_of("phone", "gpt2").layers
    ('asp', 'linear', 12)
    """
    if task not in RECIPES:
        raise UsageError(unknown("task", task, list(RECIPES)))
    recipe = RECIPES[task]
    if head is None:
        return recipe
    for known in heads_of(recipe):
        if known == head:
            packages, extra = NEEDED.get(known, ((), ""))
            if reason := cannot_import(packages, extra):
                raise UnavailableError(f"--head {known}: {reason}")
            return replace(recipe, head=known, **PUBLISHED.get(known, {}))
    raise UsageError(f"--head {head}: the head of {task} is {' or '.join(heads_of(recipe))}")


def heads_of(recipe: Recipe) -> tuple[Head, ...]:
    """What `--head` may choose for a task, its own one first."""
    published: tuple[Head, ...] = ("gpt2",) if recipe.is_sequence else ("arch", "bert")
    return (recipe.head, *(head for head in recipe.heads if head != recipe.head), *published)
