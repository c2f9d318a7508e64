"""The address of what a codec makes: a hash of everything that decides it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from codec_bench.adapters.plug_in import PlugIn
from codec_bench.adapters.requirements import HasRequirements
from codec_bench.audio import RESAMPLER
from codec_bench.fingerprint import address, package_versions
from codec_bench.hub import local_digest, locate
from codec_bench.identity import State, source_of, state_of


class HasFingerprint(HasRequirements):
    """What tells results of a codec from those of another, or of what it was before.

    Class attributes:
        version: Raised whenever the adapter changes what it produces; it is part of every cache address.
        packages: Distributions whose installed version is part of the fingerprint.
    """

    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ()

    unheld: ClassVar[frozenset[str]] = frozenset(
        {"_plug_in", "_shapes", "_device", "spec", "specs", "live", "is_loaded"}
    )
    """Attributes that say nothing of what the codec produces, or that its address holds in another way."""

    live: str = ""
    """Of an object that a program hands over to be measured as it is: a digest of what it held then."""

    precision: str = ""
    """What its networks compute in where that is not float32: one of `inference.PRECISIONS`; see `use_precision`."""

    _plug_in: PlugIn | None = None

    @property
    def fingerprint(self) -> str:
        """Content address of everything that decides what the codec produces."""
        return address(
            codec=self.name,
            version=self.version,
            mode=self.mode,
            packages=package_versions(self.packages),
            rates=[self.spec.input_rate, self.spec.output_rate, self.spec.delay],
            weights=self.weight_digests(),
            resampler=[RESAMPLER, package_versions(["soxr"])],
            extra=self._fingerprint_parts(),
            **({"precision": self.precision} if self.precision else {}),
            **({} if self.plug_in is None else {"plug_in": self.plug_in.describe()}),
        )

    def _fingerprint_parts(self) -> Mapping[str, Any]:
        """More that decides what the codec produces, e.g. the version of a bundled C library."""
        return {}

    def weight_digests(self) -> dict[str, str]:
        """SHA-256 by file of the weights that this object uses: part of the fingerprint, and shown by tables."""
        if self.live:
            return {"(object)": self.live}
        return {w.path: w.sha256 or local_digest(locate(w)) for w in self.needed_weights()}

    @property
    def plug_in(self) -> PlugIn | None:
        """Whose code this is; None for what ships with codec-bench."""
        if self._plug_in is None and (source := source_of(type(self))) is not None:
            self._plug_in = PlugIn(source)
        return self._plug_in

    def held(self) -> State:
        """What the object holds now: parameters, arrays, plain values."""
        modules = self.plug_in.source.modules if self.plug_in else ()
        return state_of(self, skip=self.unheld, modules=modules)
