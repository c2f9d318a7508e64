"""The configuration of webMUSHRA: which pages it shows, in the words that its program reads.

Checked against the source of webMUSHRA (https://github.com/audiolabs/webMUSHRA): `startup.js` for the options and the
types of pages, `MushraPage.js`, `PairedComparisonPage.js`, `LikertSingleStimulusPage.js`, `VolumePage.js` and
`FinishPage.js` for their fields.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

import yaml

from codec_bench.listening_tests.key import Key, Stimulus, Trial
from codec_bench.listening_tests.rhymes import choice_of

LISTENER = "listener"
"""The answer that tells listeners apart where webMUSHRA's results have no session: those of paired comparisons."""

MUSHRA_TEXT = (
    "<p>Each page has one sentence in several versions. Compare every version with the reference and rate its quality "
    "from 0 (bad) to 100 (excellent). One of the versions is the reference itself: it should get 100.</p>"
    "<p>Please use headphones in a quiet room.</p>"
)
ABX_TEXT = (
    "<p>Each page has a reference and two versions, A and B. One of them is exactly the reference. Listen as often as "
    "you like, then say which one it is; guess where you hear no difference.</p>"
    "<p>Please use headphones in a quiet room.</p>"
)
DCR_TEXT = (
    "<p>Each page plays one sentence twice, with a short pause. Rate how much the second version is degraded compared "
    "with the first one.</p><p>Please use headphones in a quiet room.</p>"
)
DRT_TEXT = (
    "<p>Each page plays a word and shows two. Choose the one that you heard; guess where you are not sure.</p>"
    "<p>Please use headphones in a quiet room.</p>"
)
INSTRUCTIONS = {"mushra": MUSHRA_TEXT, "abx": ABX_TEXT, "dcr": DCR_TEXT, "drt": DRT_TEXT}
GRADES = {
    5: "Degradation is inaudible",
    4: "Degradation is audible but not annoying",
    3: "Degradation is slightly annoying",
    2: "Degradation is annoying",
    1: "Degradation is very annoying",
}
"""The scale of ITU-T P.800, Annex D."""


def resources(test_id: str) -> str:
    """Folder of the audio, relative to webMUSHRA's own folder."""
    return f"configs/resources/{test_id}"


def configuration(key: Key, title: str) -> str:
    """The YAML file for `webMUSHRA/configs`; listeners see the title, which should not name the systems."""
    instructions = INSTRUCTIONS[key.kind]
    first = key.trials[0]
    pages: list[Any] = [
        {"type": "generic", "id": "welcome", "name": title, "content": instructions},
        {
            "type": "volume", "id": "volume", "name": "Volume",
            "content": "Choose a comfortable volume now, and keep it until the end.",
            "stimulus": _path(key, first.reference), "defaultVolume": 0.5,
        },
    ]  # fmt: skip
    training = [trial for trial in key.trials if trial.training]
    if training:
        content = "<p>The next pages are for practice: hear how far the versions go. They do not count.</p>"
        pages.append({"type": "generic", "id": "training", "name": "Practice", "content": content})
        pages += [_page(key, trial, "Practice") for trial in training]
        content = "<p>The test begins.</p>"
        pages.append({"type": "generic", "id": "begin", "name": "Test", "content": content})
    # webMUSHRA shuffles what follows this word for each listener.
    pages.append(["random", *(_page(key, trial, "Test") for trial in key.trials if not trial.training)])
    pages.append(_finish())
    return _dump(
        {
            "testname": title,
            "testId": key.test_id,
            "language": "en",
            "bufferSize": 2048,
            "stopOnErrors": True,
            "showButtonPreviousPage": True,
            "remoteService": "service/write.php",
            "pages": pages,
        }
    )


def _page(key: Key, trial: Trial, name: str) -> dict[str, Any]:
    if key.kind in ("dcr", "drt"):
        return _page_of_one(key, trial, name)
    page: dict[str, Any] = {
        "type": "mushra" if key.kind == "mushra" else "paired_comparison",
        "id": trial.id,
        "name": name,
        "content": "Rate all versions against the reference." if key.kind == "mushra" else "",
        "showWaveform": False,  # a picture tells codecs apart without listening
        "enableLooping": True,
        "reference": _path(key, trial.reference),
        "stimuli": {stimulus.name: _path(key, stimulus) for stimulus in trial.stimuli},
    }
    if key.kind == "mushra":
        # The hidden reference is added by webMUSHRA itself; the anchors are among the stimuli.
        page |= {"createAnchor35": False, "createAnchor70": False, "randomize": True, "showConditionNames": False}
    return page


def _page_of_one(key: Key, trial: Trial, name: str) -> dict[str, Any]:
    """A page with one file and one question; what it writes into its results is the grade, or which word."""
    if key.kind == "dcr":
        responses = {str(grade): text for grade, text in GRADES.items()}
    else:  # the program puts labels into the page as they are
        responses = {str(place): escape(word) for place, word in enumerate(choice_of(key, trial).shown, 1)}
    return {
        "type": "likert_single_stimulus",
        "id": trial.id,
        "name": name,
        "content": "",
        "showWaveform": False,
        "mustRate": True,
        "stimuli": {stimulus.name: _path(key, stimulus) for stimulus in trial.stimuli},
        "response": [{"value": value, "label": label} for value, label in responses.items()],
    }


def _finish() -> dict[str, Any]:
    return {
        "type": "finish",
        "name": "Thank you",
        "content": "Please enter the name or number that you were given, in letters and digits, and send the results.",
        "popupContent": "Thank you! Your results were sent. You can close this page.",
        "showResults": False,
        "showErrors": True,
        "writeResults": True,
        "questionnaire": [{"type": "text", "label": "Listener", "name": LISTENER, "optional": False}],
    }


def _path(key: Key, stimulus: Stimulus) -> str:
    return f"{resources(key.test_id)}/{stimulus.name}.wav"


class _Dumper(yaml.SafeDumper):
    """Writes what the small YAML reader of webMUSHRA understands: no aliases, indented lists, text on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _dump(data: dict[str, Any]) -> str:
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    # Its reader takes a list that begins on the line of another list's dash for text.
    return re.sub(r"^( *)- - random$", r"\1-\n\1  - random", text, flags=re.MULTILINE)
