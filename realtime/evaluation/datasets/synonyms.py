"""What other data sets call the seven emotions, other answers, and the parts of their split."""

from __future__ import annotations

from moodstream.realtime.emotions import EMOTIONS

SPLITS = ("train", "val", "test")
"""The parts of a split, in the order of the numbers that stand for them in ``usage``."""

_EMOTIONS = {
    "angry": ("anger", "mad"),
    "disgust": ("disgusted", "disgusting"),
    "fear": ("fearful", "afraid", "scared"),
    "happy": ("happiness", "joy", "joyful"),
    "sad": ("sadness",),
    "surprise": ("surprised",),
    "neutral": ("neutrality",),
}
VOTED = (*EMOTIONS, "contempt", "unknown", "not_a_face")
"""What a rater may answer: a mood, of which contempt is not among the seven, or none."""

_OTHER_ANSWERS = {
    "contempt": ("contemptuous",),
    "unknown": ("uncertain", "unsure", "none", "other", "not sure", "do not know"),
    "not_a_face": ("not a face", "no face", "non face", "noface", "nf"),
}
_SPLITS = {
    "train": ("training",),
    "val": ("valid", "validation", "dev", "publictest", "public"),
    "test": ("testing", "privatetest", "private"),
}
_EMOTION_OF = {alias: name for name, more in _EMOTIONS.items() for alias in (name, *more)}
_ANSWER_OF = _EMOTION_OF | {
    alias: name for name, more in _OTHER_ANSWERS.items() for alias in (name, *more)
}
_SPLIT_OF = {alias: name for name, more in _SPLITS.items() for alias in (name, *more)}


def emotion_index(label: str) -> int:
    """The index into EMOTIONS of a name in any case, its usual synonyms, or a number 0 to 6.

    Raises ValueError, which says what is wrong with the label.
    """
    name = label.strip().casefold()
    if name in _EMOTION_OF:
        return EMOTIONS.index(_EMOTION_OF[name])
    if not name:
        raise ValueError("no label")
    if name.isdecimal():
        if int(name) < len(EMOTIONS):
            return int(name)
        raise ValueError(f"label {name} is not from 0 to {len(EMOTIONS) - 1}")
    raise ValueError(f"{label.strip()!r} is none of the seven emotions")


def answer_index(name: str) -> int:
    """The index into VOTED of a name in any case, or of its usual synonyms.

    Raises ValueError, which says that it is none.
    """
    name = name.strip().casefold()
    plain = " ".join(name.replace("_", " ").replace("-", " ").split())
    answer = _ANSWER_OF.get(name) or _ANSWER_OF.get(plain)
    if answer is None:
        raise ValueError(f"{name!r} is none of {', '.join(VOTED)}")
    return VOTED.index(answer)


def split_of(name: str) -> str | None:
    """``train``, ``val`` or ``test`` for a name or synonym in any case, None for other names."""
    return _SPLIT_OF.get(name.strip().casefold())
