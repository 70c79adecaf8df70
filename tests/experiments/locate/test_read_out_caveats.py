"""What speaks against a probe's onset: stream 0, an earlier lens, and controls that reach the interval of its accuracy."""

from __future__ import annotations

from strata.experiments.locate.read_out_caveats import CurvePoint, read_out_caveats

ACCURACY = CurvePoint(0.8, 0.7, 0.9)


def point(mean: float | None) -> CurvePoint:
    return CurvePoint(mean, None, None)


def test_without_an_onset_nothing_is_held_against_it() -> None:
    assert list(read_out_caveats("knowledge", None, 3, {"accuracy": ACCURACY, "random_init": point(0.9)})) == []


def test_stream_0_and_an_earlier_lens_are_told() -> None:
    assert [one.code for one in read_out_caveats("knowledge", 0, 0, {})] == ["decodable-at-input"]
    (one,) = read_out_caveats("knowledge", 5, 3, {})
    assert (one.code, one.stream, one.lens_stream) == ("readable-before-decodable", 5, 3)
    assert list(read_out_caveats("knowledge", 5, 5, {})) == [] == list(read_out_caveats("knowledge", 5, None, {}))


def test_a_control_keeps_up_from_the_lower_end_of_the_interval_on() -> None:
    kept = {
        "accuracy": ACCURACY,
        "random_init": point(0.7),
        "control_accuracy": point(0.69),
        "embedding_only": point(1.0),
    }
    (one,) = read_out_caveats("knowledge", 4, None, kept)
    assert (one.code, one.controls, one.interval) == ("controls-keep-up", {"random_init": 0.7}, (0.7, 0.9))
    assert list(read_out_caveats("knowledge", 4, None, {**kept, "random_init": point(None)})) == []
    assert list(read_out_caveats("knowledge", 4, None, {**kept, "accuracy": point(0.8)})) == []
