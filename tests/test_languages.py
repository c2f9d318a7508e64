"""Languages: the ways in which data sets and recognisers write them, and texts whose words no spaces separate."""

from __future__ import annotations

import pytest

from codec_bench.languages import UNSPACED, code_of, find, is_unspaced


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (
            "en",
            "en|eng|EN|en-US|en_GB|en-GB-oxendict|en_US.UTF-8|eng-USA|English|english|English (US)|American English",
        ),
        ("zh", "zh|zho|chi|cmn|zh-CN|zh_TW|zh-Hans-CN|cmn_hans_cn|Chinese|Mandarin|Mandarin Chinese|Chinese, Mandarin"),
        ("yue", "yue|zh-yue|yue_hant_hk|Cantonese|Cantonese Chinese|Yue Chinese"),
        ("ja", "ja|jpn|ja-JP|Japanese|JAPANESE "),
        ("pt", "pt|por|pt-BR|pt_PT|Portuguese (Brazil)|Brazilian Portuguese"),
        ("de", "de|deu|ger|de-AT|German"),
        ("el", "el|ell|gre|Greek|Modern Greek"),
        ("my", "my|mya|bur|Burmese|Myanmar"),
        ("fa", "fa|fas|per|pes|Persian|Farsi"),
        ("no", "no|nb|nob|nor|nb-NO|Norwegian|Norwegian Bokmål|norwegian bokmal"),
        ("nn", "nn|nno|nn-NO|Norwegian Nynorsk"),
        ("he", "he|heb|iw|Hebrew"),
        ("jv", "jv|jav|jw|Javanese"),
        ("tl", "tl|tgl|fil|fil_ph|Tagalog|Filipino"),
        ("sw", "sw|swa|swh|sw_ke|Swahili|Kiswahili"),
        ("mi", "mi|mri|mao|Maori|Māori"),
        ("ckb", "ckb|ckb_iq|Central Kurdish|Sorani Kurdish"),
    ],
)
def test_one_language_however_it_is_written(code: str, names: str) -> None:
    assert {name: find(name) for name in names.split("|")} == dict.fromkeys(names.split("|"), code)
    assert code_of(names.partition("|")[0]) == code


@pytest.mark.parametrize("name", ["xx", "Elvish", "other", "not known", "", "-", "n/a", "en, de", "en/fr", "123", "中"])
def test_what_is_no_language(name: str) -> None:
    assert find(name) is None


def test_what_is_not_stated_is_not_another_language() -> None:
    assert [code_of(name) for name in (None, "", " ", "und", "Unknown", "Elvish")] == ["", "", "", "", "", "elvish"]


def test_knows_the_languages_of_whisper_by_code_and_name() -> None:
    tokenisation = pytest.importorskip("transformers.models.whisper.tokenization_whisper")
    names = tokenisation.LANGUAGES | {code: name for name, code in tokenisation.TO_LANGUAGE_CODE.items()}
    assert len(tokenisation.LANGUAGES) == 100
    assert {name: find(name) for name in tokenisation.TO_LANGUAGE_CODE} == {
        name: find(code) for name, code in tokenisation.TO_LANGUAGE_CODE.items()
    }
    assert {code for code in names if find(code) != code} == {"jw"}  # withdrawn, and in use by Whisper alone


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("北京是中国的首都", None, True),
        ("北京是中国的首都", "en", True),  # the script, whatever a table says
        ("而 对 楼市 成交 抑制 作用", None, True),  # as AISHELL-1 has it; no recogniser writes these spaces
        ("OK", "zh", True),
        ("ｶﾀｶﾅ ひらがな", None, True),
        ("สวัสดีครับ", None, True),
        ("ភាសាខ្មែរ", None, True),
        ("ພາສາລາວ", None, True),
        ("မြန်မာဘာသာ", None, True),
        ("བོད་སྐད།", None, True),
        ("나는 서울에 간다", None, False),
        ("나는 서울(首爾)에 간다", "kor", False),
        ("Tôi yêu Hà Nội", "vie", False),
        ("नमस्ते दुनिया", None, False),
        ("እንኳን ደህና መጣህ", None, False),
        ("I love 北京", None, False),
        ("I love 北京", "en", False),
        ("I flew to กรุงเทพ and back home again", None, False),
        ("我用 iPhone 拍照", None, True),
        ("打开 YouTube", None, True),
        ("1 2 3 !", None, False),
        ("", None, False),
    ],
)
def test_whether_spaces_separate_words(text: str, language: str | None, expected: bool) -> None:
    assert is_unspaced(text, language) is expected


def test_every_language_without_spaces_is_one() -> None:
    assert [code for code in UNSPACED if find(code) != code] == []
