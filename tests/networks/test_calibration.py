"""Temperatures that make probabilities mean what they say, and figures of how far off they are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.fakes import Says

from moodstream.realtime.emotions import PRIOR
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.emotions import calibrate
from moodstream.realtime.maths import softmax
from moodstream.realtime.networks import load as models
from moodstream.realtime.networks.classifiers import calibration
from moodstream.realtime.networks.classifiers.calibration import Calibrated, Calibration
from moodstream.realtime.networks.models import ModelSettings
from moodstream.realtime.networks.weights import catalogue, checksums, packaged, store

TEMPERATURES = st.floats(0.2, 5)


@st.composite
def distributions(draw):
    """(N, 7) with no class so unlikely that a power of it is cut off."""
    raw = draw(
        hnp.arrays(
            np.float64, st.tuples(st.integers(0, 8), st.just(7)), elements=st.floats(0.01, 1)
        )
    )
    return raw / raw.sum(1, keepdims=True)


def drawn(n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Distributions (n, 7) and labels drawn from them: perfectly calibrated."""
    rng = np.random.default_rng(3)
    probs = rng.dirichlet(np.full(7, 0.4), n)
    labels = (rng.random((n, 1)) > probs.cumsum(1)).sum(1).clip(0, 6)
    return probs, labels


@given(distributions(), TEMPERATURES)
def test_the_inverse_temperature_undoes_rescaling(probs, temperature):
    scaled = calibration.rescale(probs, temperature)
    np.testing.assert_allclose(scaled.sum(1), 1, atol=1e-9)
    np.testing.assert_allclose(calibration.rescale(scaled, 1 / temperature), probs, atol=1e-6)


@given(distributions(), TEMPERATURES)
def test_no_temperature_changes_the_order_of_classes(probs, temperature):
    order = np.argsort(probs, axis=1, kind="stable")
    scaled = np.take_along_axis(calibration.rescale(probs, temperature), order, 1)
    assert (np.diff(scaled, axis=1) >= -1e-12).all()


@given(hnp.arrays(np.float64, (4, 7), elements=st.floats(-8, 8)), TEMPERATURES)
def test_rescaling_a_softmax_divides_its_logits(logits, temperature):
    def softmax(z):
        return np.exp(z) / np.exp(z).sum(1, keepdims=True)

    scaled = calibration.rescale(softmax(logits), temperature)
    np.testing.assert_allclose(scaled, softmax(logits / temperature), atol=1e-5)


def test_certainty_stays_finite():
    scaled = calibration.rescale(np.eye(7), 3.0)
    assert np.isfinite(scaled).all()
    np.testing.assert_array_equal(scaled.argmax(1), np.arange(7))


@pytest.mark.parametrize("temperature", [0.25, 0.5, 1.0, 1.7, 4.0])
def test_the_fit_recovers_what_spoilt_the_probabilities(temperature):
    probs, labels = drawn()
    spoilt = calibration.rescale(probs, 1 / temperature)
    fitted = calibrate.fit_temperature(spoilt, labels)
    assert fitted == pytest.approx(temperature, rel=0.03)
    before = calibrate.cross_entropy(spoilt, labels)
    after = calibrate.cross_entropy(calibration.rescale(spoilt, fitted), labels)
    assert after <= before + 1e-9
    for other in (fitted * 0.97, fitted * 1.03):
        assert after < calibrate.cross_entropy(calibration.rescale(spoilt, other), labels)


def test_cross_entropy_by_hand():
    probs = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])
    got = calibrate.cross_entropy(probs, np.array([0, 1]))
    assert got == pytest.approx((np.log(2) + np.log(5)) / 2)


@pytest.mark.parametrize(
    ("temperature", "low", "high"), [(1.0, 0.0, 0.02), (0.3, 0.1, 0.5), (4, 0.1, 0.5)]
)
def test_ece_is_small_for_what_is_calibrated_and_large_for_what_is_not(temperature, low, high):
    probs, labels = drawn()
    scaled = calibration.rescale(probs, temperature)
    table = calibrate.reliability(scaled, labels)
    assert low <= table.ece <= high
    gap = np.nansum(table.counts * (table.confidence - table.accuracy)) / len(labels)
    if temperature != 1:  # too sure below 1, too modest above it
        assert np.sign(gap) == np.sign(1 - temperature)


def test_ece_by_hand():
    """Two at 0.9, of which one is right; two at 0.6, both right."""
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    table = calibrate.reliability(probs, np.array([0, 1, 0, 1]), bins=10)
    assert table.counts.tolist() == [0, 0, 0, 0, 0, 0, 2, 0, 0, 2]
    assert table.accuracy[[6, 9]] == pytest.approx([1.0, 0.5])
    assert table.confidence[[6, 9]] == pytest.approx([0.6, 0.9])
    assert table.ece == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)


@given(distributions(), st.integers(1, 20), st.randoms(use_true_random=False))
def test_every_face_is_in_one_bin(probs, bins, random):
    labels = np.array([random.randrange(7) for _ in probs], np.int64)
    table = calibrate.reliability(probs, labels, bins)
    assert table.counts.sum() == len(probs)
    assert [len(a) for a in (table.edges, table.counts, table.confidence)] == [bins + 1, bins, bins]
    filled = table.counts > 0
    assert (np.isnan(table.confidence) == ~filled).all()
    edges = np.stack([table.edges[:-1], table.edges[1:]])[:, filled]
    assert (edges[0] - 1e-9 <= table.confidence[filled]).all()
    assert (table.confidence[filled] <= edges[1] + 1e-9).all()
    assert 0 <= table.ece <= 1


def test_certainty_is_in_the_last_bin():
    assert calibrate.reliability(np.eye(7), np.arange(7)).counts[-1] == 7


def test_no_faces():
    none, labels = np.zeros((0, 7)), np.zeros(0, np.int64)
    assert calibration.rescale(none, 2.0).shape == (0, 7)
    table = calibrate.reliability(none, labels)
    assert (table.counts.sum(), table.ece) == (0, 0.0)
    with pytest.raises(ValueError, match="got none"):
        calibrate.fit_temperature(none, labels)


def leaning(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A mix (7,), and what a network that assumes it says of n faces of another mix."""
    rng = np.random.default_rng(seed)
    assumed = rng.dirichlet(np.full(7, 4.0)) * 0.9 + 0.1 / 7
    labels = rng.choice(7, n, p=np.array([3, 1, 2, 6, 4, 2, 4]) / 22)
    spread = 1.2
    seen = np.eye(7)[labels] * 2.5 + rng.normal(0, spread, (n, 7))
    # of a face seen as x, class k has the likelihood exp(2.5 x_k / spread²), up to a factor
    return assumed, softmax(2.5 * seen / spread**2 + np.log(assumed)), labels


@pytest.mark.parametrize("seed", range(4))
def test_the_mix_that_a_network_assumes_is_found(seed):
    assumed, probs, labels = leaning(20_000, seed)
    np.testing.assert_allclose(calibrate.fit_prior(probs, labels), assumed, atol=0.015)


def rated(n: int, raters: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Perfectly calibrated probabilities (n, 7), and the shares of raters who follow them."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(7, 0.6), n)
    return probs, rng.multinomial(raters, probs) / raters


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("raters", [1, 10])
def test_shares_of_raters_recover_what_spoilt_the_probabilities(temperature, raters):
    probs, shares = rated(8_000, raters)
    spoilt = calibration.rescale(probs, 1 / temperature)
    assert calibrate.fit(spoilt, shares)[0] == pytest.approx(temperature, rel=0.03)


def test_labels_are_shares_of_one_rater():
    _, probs, labels = leaning(2_000, 1)
    one = np.eye(7)[labels]
    assert calibrate.fit(probs, one) == calibrate.fit(probs, labels)
    assert calibrate.cross_entropy(probs, one) == calibrate.cross_entropy(probs, labels)


@pytest.mark.parametrize("seed", range(3))
def test_the_mix_that_a_network_assumes_is_found_by_votes(seed):
    """Ten raters who each name what they see as often as it is true."""
    _, probs, labels = leaning(20_000, seed)
    f = np.bincount(labels, minlength=7) / len(labels)
    assumed, _, _ = leaning(1, seed)
    true = probs * f / assumed
    true /= true.sum(1, keepdims=True)
    shares = np.random.default_rng(seed).multinomial(10, true) / 10
    np.testing.assert_allclose(calibrate.fit_prior(probs, shares), assumed, atol=0.015)


def test_an_eighth_class_is_dropped_before_anything_is_fitted():
    probs, shares = rated(500, 10)
    contempt = np.random.default_rng(0).random((500, 1)) * 0.5
    eight = np.concatenate([probs * (1 - contempt), contempt], axis=1)
    seven, folded = calibrate.fit(probs, shares), calibrate.fit(eight, shares)
    assert folded[0] == pytest.approx(seven[0], abs=2e-4)
    np.testing.assert_allclose(folded[1], seven[1], atol=1e-4)


@pytest.mark.parametrize("targets", [np.zeros((3, 8)), np.zeros(3), np.zeros((3, 7, 1))])
def test_targets_of_another_shape_are_refused(targets):
    with pytest.raises(ValueError, match="labels"):
        calibrate.fit_temperature(np.full((3, 7), 1 / 7), targets)


def test_few_faces_leave_the_usual_mix():
    _, probs, labels = leaning(1, 0)
    few = np.array(calibrate.fit_prior(probs, labels))
    assert few.sum() == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(few, PRIOR, atol=0.05)
    with pytest.raises(ValueError, match="none"):
        calibrate.fit_prior(probs[:0], labels[:0])


def test_sure_and_wrong_answers_leave_a_mix_without_zeros():
    probs, labels = np.tile(np.eye(7)[0], (50, 1)), np.full(50, 3)
    fitted = np.array(calibrate.fit_prior(probs, labels))
    assert np.isfinite(fitted).all()
    assert (fitted > 0).all()


def test_the_stored_mix_reaches_the_group_settings():
    card = packaged.network_manifest()
    for name in ("embedded", "ensemble"):
        classifier = load(name, "stored")[0]
        assert calibration.prior_of(classifier) == card.calibration(name)[1] != PRIOR
        assert calibration.prior_of(load(name, "none")[0]) == PRIOR


def test_a_calibrated_classifier_changes_its_probabilities_alone():
    probs = np.array([0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1])
    inner = Says(probs, (0.3, -0.2), name="who")
    sharper = Calibrated(inner, 0.5)
    assert (sharper.name, sharper.classes) == ("who", inner.classes)
    predictions = sharper.classify([np.zeros((9, 9, 3), np.uint8)], [np.zeros((2, 4), np.float32)])
    np.testing.assert_allclose(
        predictions.probs, np.tile(probs**2 / (probs**2).sum(), (2, 1)), atol=1e-6
    )
    assert predictions.probs.dtype == np.float32
    np.testing.assert_allclose(predictions.affect, [(0.3, -0.2)] * 2, atol=1e-6)


def test_what_is_saved_is_loaded(tmp_path):
    for prior in (None, (0.1, 0.05, 0.15, 0.2, 0.25, 0.05, 0.2)):
        made = Calibration("embedded", 0.8123456789, 3589, "PublicTest, Ünïcode", prior)
        made.save(tmp_path / "t.json")
        assert Calibration.load(tmp_path / "t.json") == made


WHOLE = {"classifier": "embedded", "temperature": 1.5, "n": 10, "data": "faces"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe not text",
        b"[1, 2]",
        b"null",
        json.dumps(WHOLE).encode()[:-1],
        *(
            json.dumps(WHOLE | {"temperature": t}).encode()
            for t in (0, -1, 1000, "1.5", None, float("nan"), [1])
        ),
        *(
            json.dumps(WHOLE | {"prior": p}).encode()
            for p in (1, [1.0], [0.5] * 7, [0, 0, 0, 0, 0, 0.5, 0.5], ["a"] * 7)
        ),
        json.dumps(WHOLE | {"more": 1}).encode(),
        json.dumps({k: v for k, v in WHOLE.items() if k != "n"}).encode(),
    ],
)
def test_a_broken_file_is_one_line(content, tmp_path):
    path = tmp_path / "t.json"
    path.write_bytes(content)
    with pytest.raises(MoodstreamError) as caught:
        Calibration.load(path)
    assert str(caught.value).startswith(f"--calibration {path}: not a calibration file (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_no_file_is_one_line(name, tmp_path):
    with pytest.raises(MoodstreamError) as caught:
        Calibration.load(tmp_path / name)
    assert "\n" not in str(caught.value)


def load(emotion: str, how: object):
    settings = ModelSettings("embedded", emotion=emotion, device="cpu", calibration=str(how))
    return models.load_classifier(settings)


def temperatures(
    emotion: str, how: object
) -> tuple[float | None, list[float | None], float | None]:
    """Of the whole, of its members, and as it is reported in summaries."""
    classifier, info, _ = load(emotion, how)
    inner = classifier.inner if isinstance(classifier, Calibrated) else classifier
    members = [getattr(m, "temperature", None) for m in getattr(inner, "members", ())]
    return getattr(classifier, "temperature", None), members, info.temperature


def test_stored_none_and_fitted_temperatures(tmp_path):
    card = packaged.network_manifest()
    for name in ("embedded", "ensemble"):
        Calibration(name, 2.5, 10, "faces").save(tmp_path / f"{name}.json")
    own = card.networks["embedded"]["temperature"]
    both = [card.networks[name]["temperature"] for name in card.members]
    together, bare = card.calibration("ensemble")[0], [None] * len(card.members)
    for emotion, how, want in (
        ("embedded", "stored", (own, [], own)),
        ("embedded", "none", (None, [], 1.0)),
        ("embedded", tmp_path / "embedded.json", (2.5, [], 2.5)),
        ("ensemble", "stored", (together, both, together)),
        ("ensemble", "none", (None, bare, 1.0)),
        # a file is fitted to the average of members as they are
        ("ensemble", tmp_path / "ensemble.json", (2.5, bare, 2.5)),
    ):
        assert temperatures(emotion, how) == want, (emotion, how)


@pytest.mark.parametrize(("fitted", "asked"), [("ensemble", "embedded"), ("embedded", "ensemble")])
def test_a_file_fitted_for_another_network_is_refused(fitted, asked, tmp_path):
    path = tmp_path / "t.json"
    Calibration(fitted, 2.5, 10, "faces").save(path)
    with pytest.raises(MoodstreamError) as caught:
        load(asked, path)
    assert str(caught.value) == f"--calibration {path}: fitted for {fitted}, not for {asked}"


@pytest.mark.usefixtures("one_thread")
def test_also_where_the_network_is_a_file_of_the_user(onnx_of, tmp_path, monkeypatch):
    """Its name is that of the file, not its path."""
    name = "enet_b0_8_best_vgaf"
    path, sha256 = onnx_of(name), checksums.sha256_of(onnx_of(name))
    known = catalogue.WeightFile(path.name, "https://x/y", sha256, None, "emotion", "", "")
    monkeypatch.setattr(store, "KNOWN", {path.name: known})
    file = tmp_path / "t.json"
    Calibration("embedded", 2.5, 10, "faces").save(file)
    with pytest.raises(MoodstreamError, match=f"fitted for embedded, not for {name}"):
        load(str(path), file)
    Calibration(name, 2.5, 10, "faces").save(file)
    assert temperatures(str(path), file) == (2.5, [], 2.5)


def test_a_missing_file_is_one_line_on_the_command_line(tmp_path, langer, capsys):
    from moodstream.realtime.cli import entry

    words = ["process", langer, "-o", tmp_path / "out", "--models", "embedded"]
    assert entry.main([str(w) for w in (*words, "--calibration", tmp_path / "no.json")]) == 2
    assert capsys.readouterr().err.strip() == (
        f"moodstream: --calibration {tmp_path / 'no.json'}: no such file"
    )
    assert not (tmp_path / "out").exists()
