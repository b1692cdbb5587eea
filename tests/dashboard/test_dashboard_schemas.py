"""What the dashboard's page gets has the keys and kinds of values that are promised."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from support.asking import one_face
from support.browser import jpeg
from support.fakes import OneFace, models
from support.media import moving_blob, write_video
from support.schema_checker import Checker
from support.waiting import wait_for

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.dashboard import schemas
from moodstream.realtime.dashboard.results import video_results
from moodstream.realtime.dashboard.routes import Routes
from moodstream.realtime.dashboard.sessions import Registry
from moodstream.realtime.dashboard.video_job import Upload
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import EmotionPredictions

HAPPY, SAD = np.eye(7, dtype=np.float32)[[3, 4]] * 0.86 + 0.02


class ByLight:
    """A classifier for which faces in dark pictures are happy, and in bright ones sad."""

    name, classes = "by light", EMOTIONS

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        found = zip(images, boxes, strict=True)
        probs = [SAD if image.mean() > 100 else HAPPY for image, inside in found for _ in inside]
        return EmotionPredictions(np.reshape(np.array(probs, np.float32), (-1, len(EMOTIONS))))


def as_sent(content: Any) -> Any:
    return json.loads(json.dumps(content, allow_nan=False))


def test_photo_and_video_are_as_their_schemas(tmp_path: Path) -> None:
    registry, check = Registry(models(OneFace(), ByLight())), Checker()
    try:
        session = registry.open("page", "a" * 32)
        Routes(registry).analyse_photo(session, jpeg(), "p.jpg")
        film = [(t, image if t < 6 else image + np.uint8(120)) for t, image in moving_blob(300)]
        clip = write_video(tmp_path / "clip.mp4", film)
        registry.start_video(session, Upload("clip.mp4", lambda: clip, keep=True))
        job, photo = session.video, session.photo
        assert job is not None
        assert photo is not None
        wrong = check.wrong(as_sent(job.state()), schemas.VideoJobState, "at work")
        wait_for(lambda: not job.busy)
        wrong += check.wrong(as_sent(job.state()), schemas.VideoJobState, "done")
        assert job.stage == "done"
        results = as_sent(video_results(job.folder, job.name))
        wrong += check.wrong(results, schemas.VideoResults, "results")
        wrong += check.wrong(as_sent(photo.figures), schemas.PhotoFigures, "photo")
    finally:
        registry.close()
    assert wrong + check.never_met() == []
    assert [shift["to"] for shift in results["shifts"]] == ["sad"]
    assert {"group", "context", "lanes"} <= results["charts"].keys()
    assert photo.figures["people"]


def test_a_live_run_is_as_its_schema() -> None:
    registry, check = Registry(one_face()), Checker()
    try:
        session = registry.open("page", "a" * 32)
        registry.start_live(session, "browser")
        run = session.live
        assert run is not None
        assert run.slot is not None
        wrong = check.wrong(as_sent(run.state()), schemas.LiveRunState, "starting")

        def known() -> bool:
            run.slot.put(jpeg(160, 120))
            history = run.state()["history"]
            return bool(history) and history[-1][1] is not None

        wait_for(known)
        content: dict[str, object] = {"t": 1.0, "from": "sad", "to": "happy", "size": 0.2}
        about = {"source": 0, "name": "camera", "number": 1}
        run._notify("shift", content | about | {"status": "provisional"})
        run._notify("shift", content | about | {"status": "confirmed"})
        state = as_sent(run.state())
        wrong += check.wrong(state, schemas.LiveRunState, "live")
    finally:
        registry.close()
    assert wrong + check.never_met() == []
    assert state["shifts"] == [content | {"number": 1, "status": "confirmed"}]
    assert len(state["history"][-1][1]) == len(EMOTIONS)
