"""What is said of a calibration: one sentence for every report, and what each table of its page shows."""

from __future__ import annotations

from strata.dashboards.sentences.page_parts import NO_CALIBRATION
from strata.dashboards.sentences.planted_comparisons import compared_sentence
from strata.dashboards.sentences.shares import share_words
from strata.experiments.results.calibration import CalibratedPart, Calibration, MeanError


def kept_sentence(record: Calibration | None) -> str:
    """What every report says of the record of this version."""
    return NO_CALIBRATION if record is None else calibrated_sentence(record)


def calibrated_sentence(record: Calibration) -> str:
    """ "calibrated: within one block in …, silent in …": of the models that weren't seen while the rule was made, if there are any."""
    part = next((one for one in record.halves if one.half == "judge"), None) or next(iter(record.halves), None)
    told = []
    if part is not None:
        told.append(_of_places(part))
        if part.orders is not None and part.orders.right.of:
            orders = part.orders
            told.append(
                f"The order of the kinds was right in {share_words(orders.right)} of {orders.right.of} models with one, "
                f"wrong in {orders.wrong.part}."
            )
    trained = next((one for one in record.origins if one.name == "trained" and one.places.families), None)
    if trained is not None:
        error, of_trained = trained.places.error_blocks, trained.orders
        told.append(
            f"Where it was trained into blocks of the embedded model, {trained.places.families - trained.places.silent} of "
            f"{trained.places.families} families were placed, "
            + (f"{error.median:.1f} blocks off in the median" if error.families else "none near")
            + (
                ""
                if of_trained is None or not of_trained.right.of
                else f", and the order was right in {of_trained.right.part} of {of_trained.right.of} models, wrong in {of_trained.wrong.part}"
            )
            + "."
        )
    empty = [null for null in record.nulls if null.kind == "all-but-unequal"] or [
        null for null in record.nulls if null.kind != "unequal"
    ][:1]
    for null in empty:
        told.append(
            f"Where nothing is planted {share_words(null.as_blocks)} of {null.as_blocks.of} kinds were located in blocks, and an order "
            f"was said in {null.orders.part} of {null.orders.of} runs."
        )
    compared = compared_sentence(record.comparisons)
    if compared is not None:
        told.append(compared)
    return " ".join(told) or "Nothing was calibrated."


def _of_places(part: CalibratedPart) -> str:
    places = part.places
    seen = "not used while the rule was made" if part.half == "judge" else "that the rule was made with"
    return (
        f"Calibrated on {places.models} planted models {seen}: within one block in {share_words(places.within_one)} of "
        f"{places.within_one.of} placed families, silent in {places.silent} and wrong in {places.wrong} of {places.families}."
    )


def error_words(error: MeanError, digits: int = 1) -> str:
    """A mean and its interval."""
    if not error.families:
        return "–"
    interval = "" if error.interval is None else f" ({error.interval[0]:.{digits}f}–{error.interval[1]:.{digits}f})"
    return f"{error.mean:.{digits}f}{interval}"
