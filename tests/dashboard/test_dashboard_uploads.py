"""Videos and photos in a real browser: uploaded, analysed, downloaded, refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.browser import (
    Visit,
)
from support.media import moving_blob, write_video

pytestmark = pytest.mark.needs("browser")


def test_video_is_uploaded_analysed_and_downloaded(
    visit: Callable[..., Visit], footage: dict[str, Path], tmp_path: Path
) -> None:
    odd = (
        tmp_path
        / ('Über uns\' "x" <b>&amp; 3 h, 100 % #1; ☂ ' + 60 * "long " + "]`$(id).mp4")[-180:]
    )
    odd.write_bytes(footage["single_face.mp4"].read_bytes())
    one = visit()
    one.tab("Video")
    one.page.wait_for_selector("#ms-analyse[disabled]")
    one.page.set_input_files("#ms-video-file", odd)
    one.page.wait_for_selector("#ms-analyse:not([disabled])")
    one.page.click("#ms-analyse")
    one.page.wait_for_selector("#ms-files a")
    assert one.page.text_content("#ms-results-name") == " ".join(odd.name.split())[:120]
    found = {}
    for link in one.page.locator("#ms-files a").all():
        with one.page.expect_download() as download:
            link.click()
        found[link.text_content()] = Path(download.value.path()).read_bytes()
    assert found["video"][4:8] == b"ftyp"
    assert found["Parquet"][:4] == b"PAR1"
    assert found["CSV"].startswith(b"t,")
    assert b"<!doctype html>" in found["report"][:50].lower()
    assert not list(one.session.folder.rglob("upload/*")), "the upload is still there"
    # a click on the chart moves the video
    one.page.wait_for_selector("#ms-plot-group .main-svg")
    box = one.page.locator("#ms-plot-group").bounding_box()
    one.page.locator("#ms-plot-group").click(position={"x": box["width"] * 0.75, "y": 150})
    one.until(lambda: one.page.evaluate("document.querySelector('#ms-overlay').currentTime") > 1)
    folder = one.session.video.folder
    one.page.click("#ms-forget")
    one.until(lambda: not folder.exists())
    one.page.wait_for_selector("#ms-results", state="hidden")
    assert one.trouble == []


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("broken.mp4", b"\0\0\0\x18ftypmp42" + bytes(3000), "broken.mp4: not a video"),
        ("empty.mp4", b"", "empty.mp4: the file is empty"),
        ("large.mp4", bytes(4_100_000), "at most 4 MB"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "list.mp4: "),
    ],
    ids=["broken", "empty", "large", "playlist"],
)
def test_bad_videos_get_one_line(
    visit: Callable[..., Visit], tmp_path: Path, name: str, content: bytes, line: str
) -> None:
    (tmp_path / name).write_bytes(content)
    one = visit()
    one.tab("Video")
    one.page.wait_for_selector("#ms-analyse[disabled]")
    one.page.set_input_files("#ms-video-file", tmp_path / name)
    one.page.wait_for_selector("#ms-analyse:not([disabled]), #ms-video-problem:not([hidden])")
    if one.page.locator("#ms-video-problem").is_hidden():
        one.page.click("#ms-analyse")
    one.page.wait_for_selector("#ms-video-problem:not([hidden])")
    line_shown = one.page.text_content("#ms-video-problem")
    assert line in line_shown
    assert "\n" not in line_shown
    assert str(one.registry.root) not in line_shown
    one.page.wait_for_selector("#ms-sample:not([disabled])")
    assert not list(one.session.folder.rglob("*.*"))


def test_photos_good_and_bad(
    visit: Callable[..., Visit], footage: dict[str, Path], tmp_path: Path
) -> None:
    one = visit()
    one.tab("Photo")
    one.page.set_input_files("#ms-photo-file", footage["multi_face.jpg"])
    one.page.wait_for_selector("#ms-photo-people li:nth-child(5)")
    assert "5 faces, mostly happy" in one.page.text_content("#ms-photo-line")
    one.page.wait_for_function("document.querySelector('#ms-photo').naturalWidth > 900")
    first = one.page.text_content("#ms-photo-people li:first-child")
    one.page.select_option("#ms-photo-mood", "neutral")
    assert one.page.text_content("#ms-photo-people li:first-child") != first
    for name, content, line in (
        ("broken.jpg", footage["multi_face.jpg"].read_bytes()[:20_000], "broken.jpg: the picture"),
        ("none.jpg", b"", "none.jpg: the file is empty"),
        ("text.png", b"hello", "text.png: not a picture"),
    ):
        (tmp_path / name).write_bytes(content)
        one.page.set_input_files("#ms-photo-file", tmp_path / name)
        one.page.wait_for_selector(f"#ms-photo-problem:has-text('{line}')")
    one.page.set_input_files("#ms-photo-file", footage["Image_with_alpha.png"])
    one.page.wait_for_selector("#ms-photo-line:has-text('prove nothing')")
    # stricter privacy removes what was shown with less of it
    one.page.get_by_label("group only").check()
    one.until(lambda: one.session.photo is None)
    one.page.wait_for_selector("#ms-photo-results", state="hidden")


def test_cancel_leaves_nothing(visit: Callable[..., Visit], tmp_path: Path) -> None:
    long = write_video(tmp_path / "long.mp4", moving_blob(3000), movflags="faststart")
    one = visit()
    one.tab("Video")
    one.page.set_input_files("#ms-video-file", long)
    one.page.wait_for_selector("#ms-analyse:not([disabled])")
    one.page.click("#ms-analyse")
    one.until(lambda: one.session.video and one.session.video.stage == "reading")
    one.page.click("#ms-cancel")
    one.until(lambda: one.session.video.stage == "cancelled")
    one.page.wait_for_selector("#ms-sample:not([disabled])")
    assert not list(one.session.folder.rglob("*.*"))
