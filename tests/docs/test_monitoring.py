"""The dashboard and the alert rules of docs/monitoring name only what a gateway tells."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import OverloadSection
from gateway.load.meters import LatenessMeter
from gateway.load.watch import LoadWatch
from gateway.metrics import Metrics
from gateway.model.hangup import HangupCause
from gateway.model.messages import MessageStatus
from gateway.sessions.gate import OpenReason
from gateway.vitals import Vitals

FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((FOLDER / "prometheus-alerts.yml").read_text(encoding="utf-8"))
GIVEN_BY_PROMETHEUS = {"up"}
KNOWN_VALUES = {
    "outcome": {cause.value for cause in HangupCause},
    "reason": {reason.value for reason in OpenReason},
    "status": {status.value for status in MessageStatus},
}
"""Of labels whose values are a fixed set: those of calls, the gate and messages."""


class _Store:
    backlog = 0
    lost = 0


def told() -> dict[str, set[str]]:
    """Return every name that `/metrics` can have, with the labels of its family."""
    metrics = Metrics()
    Vitals(metrics.registry, _Store())
    registry = metrics.registry
    LoadWatch(OverloadSection(), ticks=LatenessMeter(), speech_queue=lambda: 0.0, registry=registry)
    labels: dict[str, set[str]] = {}
    for collector in list(registry._collector_to_names):
        own = set(getattr(collector, "_labelnames", ()))
        for family in collector.collect():
            found = own | {name for sample in family.samples for name in sample.labels}
            found |= set(getattr(family, "_labelnames", ()))
            names = {family.name}
            if family.type == "counter":
                names = {f"{family.name}_total"}
            if family.type == "histogram":
                names = {f"{family.name}_{end}" for end in ("bucket", "count", "sum")}
                found.add("le")
            for name in names:
                labels[name] = found
    return labels


TOLD = told()


def dashboard_queries() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def rules() -> Iterator[dict[str, Any]]:
    for group in RULES["groups"]:
        yield from group["rules"]


QUERIES = [*dashboard_queries(), *((rule["alert"], rule["expr"]) for rule in rules())]


@pytest.mark.parametrize(("title", "query"), QUERIES)
def test_every_metric_and_label_exists(title: str, query: str) -> None:
    selectors = re.findall(r"\b((?:offhook|process)_[a-z_]+|up)\b(?:\{([^}]*)\})?", query)
    assert selectors, title
    for name, inside in selectors:
        assert name in TOLD or name in GIVEN_BY_PROMETHEUS, f"{title}: {name}"
        for label in re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", inside):
            known = TOLD.get(name, set()) | {"instance", "job"}
            assert label in known, f"{title}: {name} has no label {label}"
    labels = set().union(*(TOLD.get(name, set()) for name, _ in selectors)) | {"instance", "job"}
    for grouped in re.findall(r"\bby \(([^)]*)\)", query):
        for label in filter(None, (part.strip() for part in grouped.split(","))):
            assert label in labels, f"{title}: nothing has a label {label}"


@pytest.mark.parametrize(("title", "query"), QUERIES)
def test_values_that_are_asked_for_can_occur(title: str, query: str) -> None:
    if "offhook_recordings_total" in query or "event_webhooks" in query or "speech_jobs" in query:
        return
    for label, values in re.findall(r'(outcome|reason|status)=~?"([^"]+)"', query):
        assert set(values.split("|")) <= KNOWN_VALUES[label], title


def test_every_metric_of_ours_is_shown() -> None:
    shown = {name for _, query in QUERIES for name in re.findall(r"offhook_[a-z_]+", query)}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in TOLD if "offhook" in name}
    unseen = {name for name in families if not any(other.startswith(name) for other in shown)}
    assert unseen <= {"offhook_build"}


def test_the_metrics_of_the_design_exist_with_their_labels() -> None:
    wanted = {
        "offhook_calls_active": set(),
        "offhook_calls_total": {"endpoint", "outcome"},
        "offhook_answer_to_greeting_seconds_bucket": {"le"},
        "offhook_greeting_gate_seconds_bucket": {"reason", "le"},
        "offhook_barge_in_seconds_bucket": {"le"},
        "offhook_turn_response_seconds_bucket": {"le"},
        "offhook_media_tick_lateness_seconds_bucket": {"le"},
        "offhook_frames_dropped_total": set(),
        "offhook_messages_total": {"channel", "status"},
        "offhook_fallbacks_total": {"reason", "channel"},
    }
    assert {name: TOLD[name] for name in wanted} == wanted


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: str(rule["alert"]))
def test_alerts_say_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "warn"}
    assert {"summary", "description"} <= set(rule["annotations"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed")
def test_promtool_takes_the_rules() -> None:
    command = ["promtool", "check", "rules", str(FOLDER / "prometheus-alerts.yml")]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
