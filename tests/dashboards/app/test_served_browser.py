"""Does the served browser work in a real Chromium: rows, filters, overlays, links, hostile names, refusals, a model to try?"""

from __future__ import annotations

import http.client
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from finished_runs import started_run, write_finished_run
from open_pages import COLOURS, colliding_texts, violations
from synthetic_localisation import localisation
from tiny_models import tiny_checkpoint

from strata.dashboards.app.access import Access
from strata.dashboards.app.live_model import MOST_LETTERS, LiveModel
from strata.dashboards.app.server import listening, make_app
from strata.dashboards.sentences.served_browser import differences_words
from strata.experiments.run.listing import RunList
from strata.probes.public_api.patch import patch

HOSTILE = "<img src=x onerror=window.pwned=1>"
SPEC = "</script><script>window.pwned=1</script>\x1b[31m"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    found = localisation(12)
    renamed = found.model_copy(update={"families": {f"{HOSTILE}{name}": of for name, of in found.families.items()}})
    write_finished_run(root / "first", folds=5)
    write_finished_run(root / "second", folds=3, seed=1, n_layers=30, found=localisation(30))
    write_finished_run(root / HOSTILE, spec=SPEC, found=renamed)
    (root / "first" / "report.html").write_text("<h1>own page</h1><script>document.title = origin</script>")
    started_run(root / "running")
    (root / "running" / "progress.json").write_text(
        json.dumps({"stage": "capture", "done": 1, "total": 4, "unit": "items"})
    )
    write_finished_run(root / "damaged")
    (root / "damaged" / "summary.json").write_text("{")
    for number in range(60):
        started_run(root / "many" / f"{number:02d}").close("stopped")
    return root


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[int]:
    yield from serving(root, Access("127.0.0.1", None, "pages"), LiveModel(tiny_checkpoint("llama"), "tiny"))


def serving(root: Path, access: Access, live: LiveModel | None = None) -> Iterator[int]:
    server = listening(make_app(RunList(root), access, live), access, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server.port
    server.shutdown()


@pytest.fixture(scope="module")
def tab(browser: Any, served: int) -> Iterator[Any]:
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    outside: list[str] = []
    errors: list[str] = []
    here = f"http://127.0.0.1:{served}/"
    page.on(
        "request",
        lambda request: None if request.url.startswith((here, "data:", "blob:")) else outside.append(request.url),
    )
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(here)
    page.locator("table.runs").wait_for(timeout=30_000)
    yield page
    assert outside == [] and errors == []


def until(tab: Any, condition: str) -> None:
    """Waits for a condition; playwright's own waiting needs eval, which the page's policy forbids."""
    for _ in range(150):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(100)
    raise AssertionError(condition)


def show(tab: Any, served: int, fragment: str, wait: str) -> None:
    tab.goto(f"http://127.0.0.1:{served}/#{fragment}")
    tab.locator(wait).first.wait_for(timeout=15_000)


@pytest.mark.browser
def test_all_runs_are_rows_and_nothing_hostile_runs(tab: Any) -> None:
    assert "65 runs, page 1 of 2" in tab.locator("caption").first.inner_text()
    tab.locator("#search").fill("tiny served script damaged")
    tab.locator("#search").fill("img")
    until(tab, "document.querySelectorAll('table.runs tbody tr').length === 1")
    text = tab.locator("table.runs tbody").inner_text()
    assert HOSTILE in text and "</script><script>" in text and "\x1b" not in text and "\\x1B[31m" in text
    assert tab.evaluate("window.pwned") is None and "q=img" in tab.url
    tab.locator("#search").fill("")
    until(tab, "document.querySelectorAll('table.runs tbody tr').length === 50")


@pytest.mark.browser
def test_a_link_restores_filters_order_and_overlay(tab: Any, served: int) -> None:
    show(tab, served, "state=done&sort=run&up=1&run=first&run=second&kind=reasoning&theme=dark", "#chosen .difference")
    rows = tab.locator("table.runs tbody th").all_inner_texts()
    assert all(row.startswith(name) for row, name in zip(rows, [HOSTILE, "first", "second"], strict=True))
    assert tab.locator("th[aria-sort=ascending]").inner_text().startswith("run")
    until(
        tab, "document.querySelectorAll('#chosen .js-plotly-plot').length === 4"
    )  # plotly is fetched behind the tables
    titles = tab.locator("#chosen .difference caption").all_inner_texts()
    assert titles[0] == "Configuration" and "Where answers are made" in titles
    assert "folds" in tab.locator("#chosen .difference").first.inner_text()
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.locator("#chosen a", has_text="take off").first.click()
    until(tab, "!location.hash.includes('run=first')")
    tab.locator("table.runs a.choose").first.click()
    until(tab, "location.hash.includes('onerror')")
    tab.locator("#chosen .difference").first.wait_for(timeout=15_000)
    assert tab.evaluate("window.pwned") is None
    tab.go_back()
    until(tab, "document.querySelectorAll('#chosen li').length === 1")


@pytest.mark.browser
def test_the_stage_map_fits_the_window(tab: Any, served: int) -> None:
    tab.goto(f"http://127.0.0.1:{served}/#run=first")
    tab.locator("#chosen .map .annotation-text").first.wait_for(timeout=60_000)
    starts = "Object.entries(document.querySelector('#chosen .map .js-plotly-plot').layout).filter(([n]) => n.startsWith('xaxis')).map(([, a]) => a.domain[0])"
    for width in (1100, 800, 375, 1400):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.wait_for_timeout(400)  # figures follow the window with a delay
        columns = {1400: 2, 1100: 2, 800: 2, 375: 1}[width]
        until(tab, f"new Set({starts}).size === {columns}")
        for _ in range(20):
            found = colliding_texts(tab.locator("#chosen .map"))
            if not found:
                break
            tab.wait_for_timeout(200)
        assert found == [], width


@pytest.mark.browser
def test_what_is_missing_or_under_way_is_said_in_its_row(tab: Any, served: int) -> None:
    show(tab, served, "q=running", ".problem-running")
    assert "capture: 1 of 4 items (25 %), heard of" in tab.locator(".problem-running").inner_text()
    show(tab, served, "q=damaged", ".problem-damaged")
    assert "checksum differs" in tab.locator(".problem-damaged").inner_text()
    show(tab, served, "q=nothing+like+this", "#table p")
    assert "No run of 65 runs fits" in tab.locator("#table p").inner_text()
    show(tab, served, "page=99999&sort=nonsense&run=gone&theme=x", "#chosen .problem")
    assert "gone is not there any more" in tab.locator("#chosen").inner_text()


@pytest.mark.browser
def test_a_runs_own_page_opens_in_a_sandbox(browser: Any, served: int) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{served}/run/of-before/first/report.html")
    assert (
        page.url.endswith("/run/pages/first/report.html")
        and page.title() == "null"
        and page.inner_text("h1") == "own page"
    )
    page.close()


@pytest.mark.browser
def test_a_prompt_is_read_and_a_pair_patched(tab: Any, served: int) -> None:
    show(tab, served, "", "#live")
    tab.locator("#live-prompt").fill("the cat sat on")
    tab.locator("#live-answer").fill(" the")
    tab.locator("#live-read").click()
    tab.locator("#live-lens .js-plotly-plot").wait_for(timeout=30_000)
    assert "logit lens" in tab.locator("#live-lens").inner_text()
    tab.locator("#live-patch").click()
    tab.locator("#live-patched [role=alert]").wait_for(timeout=30_000)
    assert "The counterfactual prompt is empty" in tab.locator("#live-patched").inner_text()


PAIR = ("the p is in", " h", "the q is in", " d")
"""Two prompts that move the made-up model from one of the two answers towards the other."""


@pytest.mark.browser
def test_a_pair_that_works_is_patched_and_drawn(tab: Any, served: int) -> None:
    show(tab, served, "", "#live")
    for name, text in zip(("prompt", "answer", "foil_prompt", "foil"), PAIR, strict=True):
        tab.locator(f"#live-{name}").fill(text)
    tab.locator("#live-patch").click()
    tab.locator("#live-patched .js-plotly-plot .point, #live-patched .js-plotly-plot .js-line").first.wait_for(
        state="attached", timeout=30_000
    )
    expected = patch(tiny_checkpoint("llama"), [PAIR], components="attn_out", positions="last", direction="both")
    words = differences_words(
        expected.answers[0], expected.foils[0], float(expected.clean[0]), float(expected.corrupted[0])
    )
    assert words in tab.locator("#live-patched").inner_text() and tab.locator("#live-patched [role=alert]").count() == 0
    drawn = tab.evaluate("document.querySelector('#live-patched .js-plotly-plot').data.map((trace) => [...trace.y])")
    for values, measure in zip(drawn, ("denoise", "noise"), strict=True):
        assert values == pytest.approx(expected.effect("attn_out", measure=measure).tolist(), abs=1e-3)


OF_DASH = (".dash-dropdown-focus-target",)
"""A hidden input that hands its focus on to the list that it belongs to at once."""


@pytest.mark.browser
def test_axe_finds_nothing_in_light_and_dark_with_and_without_an_overlay(browser: Any, served: int) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900}, bypass_csp=True)
    page = context.new_page()
    # A few rows are as good as all: axe looks at every one of them.
    page.goto(f"http://127.0.0.1:{served}/#q=first&theme=light")
    for part in ("table.runs", "#live .dash-dropdown"):
        page.locator(part).first.wait_for(timeout=60_000)
    assert violations(page, exclude=OF_DASH) == []
    page.goto(f"http://127.0.0.1:{served}/#q=first&run=first&run=second&theme=dark")
    page.locator("html[data-theme=dark] #chosen .difference").first.wait_for(timeout=60_000)
    assert violations(page, exclude=OF_DASH) == []
    page.locator("#live-cell").click()
    page.locator(".dash-dropdown-option").first.wait_for(timeout=60_000)
    assert violations(page, COLOURS, exclude=OF_DASH) == []  # the roles of a list that is open are Dash's own
    context.close()


@pytest.mark.parametrize("path", ["/", "/run/pages/first/report.html", "/small/first.svg", "/_dash-layout"])
def test_another_host_is_refused_everything(served: int, path: str) -> None:
    assert asked(served, path, Host=f"evil.example:{served}")[0] == 403
    assert asked(served, path, Host=f"127.0.0.1:{served}")[0] == 200


def test_another_origin_may_not_ask(served: int) -> None:
    here = {"Host": f"127.0.0.1:{served}", "Content-Type": "application/json"}
    for origin in ("http://evil.example", "null"):
        assert asked(served, "/_dash-update-component", "POST", "{}", **here, Origin=origin)[0] == 403


def test_nothing_but_pages_of_runs_is_handed_out(root: Path, served: int, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (root / "second" / "report.html").symlink_to(tmp_path / "secret")
    here = {"Host": f"127.0.0.1:{served}"}
    for path in ("/run/pages/second/report.html", "/run/pages/first/manifest.json/report.html", "/run/other/first/report_assets/x.js",
                 "/run/pages/first/report_assets/..%2Fmanifest.json", "/run/pages/..%2Ffirst/report.html", "/run/pages//etc/report.html", "/small/running.svg"):  # fmt: skip
        status, _, body = asked(served, path, **here)
        assert status == 404 or b"react-entry-point" in body, path  # else the browser's own page, whatever the path
    (root / "second" / "report.html").unlink()
    status, headers, _ = asked(served, "/", **here)
    policy = headers["Content-Security-Policy"]
    assert (
        status == 200
        and "connect-src 'self'" in policy
        and "script-src 'self' 'sha256-" in policy
        and "unsafe-eval" not in policy
    )


def test_beyond_this_machine_the_token_opens_once_and_a_cookie_goes_on(root: Path) -> None:
    access = Access("192.0.2.1", "a-token-of-some-length", "pages")
    app = make_app(RunList(root), access)
    client = app.server.test_client()
    here = {"Host": "192.0.2.1:8050"}
    assert client.get("/", headers=here).status_code == 403
    assert client.get("/?token=wrong", headers=here).status_code == 403
    assert client.get("/run/guessed/first/report.html", headers=here).status_code == 403
    assert client.get("/run/pages/first/report.html", headers=here).status_code == 200
    answer = client.get("/?token=a-token-of-some-length", headers=here, base_url="http://192.0.2.1:8050")
    assert (
        answer.status_code == 302 and answer.headers["Location"] == "/" and "HttpOnly" in answer.headers["Set-Cookie"]
    )
    assert client.get("/", headers=here, base_url="http://192.0.2.1:8050").status_code == 200


def test_a_model_is_asked_one_thing_at_a_time_and_nothing_long() -> None:
    from strata.dashboards.app.live_model import BusyError, Pair
    from strata.probes.errors import StrataError

    live = LiveModel(tiny_checkpoint("llama"), "tiny")
    with live._alone(), pytest.raises(BusyError):
        live.read("the cat", "")
    with pytest.raises(StrataError, match="letters"):
        live.read("x" * (MOST_LETTERS + 1), "")
    with pytest.raises(StrataError, match="tokens"):
        live.read("the cat sat " * 60, "")
    with pytest.raises(StrataError, match="is empty"):
        live.patched(Pair("the cat", " sat", "", ""), "move")
    assert live.read("the cat sat", "").tokens[0][-1] is not None


def asked(
    port: int, path: str, method: str = "GET", body: str | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def test_a_comparison_has_the_maps_of_its_models_in_small(comparison_run: Path) -> None:
    app = make_app(RunList(comparison_run.parent), Access("127.0.0.1", None, "pages"))
    answer = app.server.test_client().get(f"/small/{comparison_run.name}.svg", base_url="http://127.0.0.1")
    assert answer.status_code == 200 and answer.text.count('stroke-width="1.6"') >= 6, "a place a kind and model"
