"""`offhook check`: prints what is wrong on this machine, worst last, with the remedy."""

import argparse
import json
from dataclasses import asdict

from gateway.check import collect
from gateway.checks.finding import Finding, Level
from gateway.commands.exits import Exit
from gateway.log import one_line


def run(options: argparse.Namespace) -> int:
    findings = collect(options.config, live=options.live)
    if options.json:
        rows = [asdict(finding) for finding in findings]
        print(json.dumps({"level": worst(findings), "findings": rows}, indent=2))
    else:
        print(report(findings))
    return exit_code(worst(findings), is_strict=options.strict)


def exit_code(level: Level, *, is_strict: bool) -> Exit:
    """Return 1 for a failure, and with `--strict` for a warning too."""
    bad = (Level.FAIL, Level.WARN) if is_strict else (Level.FAIL,)
    return Exit.FAILED if level in bad else Exit.OK


def worst(findings: list[Finding]) -> Level:
    """Return the worst level there is."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)


def report(findings: list[Finding]) -> str:
    """Return the findings for people."""
    order = list(Level)
    lines = []
    for finding in sorted(findings, key=lambda finding: order.index(finding.level)):
        lines.append(one_line(f"{finding.level:<4}  {finding.subject:<14} {finding.message}"))
        if finding.remedy:
            lines.append(one_line(f"{'':<21}→ {finding.remedy}"))
    counts = {level: sum(finding.level is level for finding in findings) for level in Level}
    lines.append(
        f"{counts[Level.FAIL]} failed, {counts[Level.WARN]} warnings, {counts[Level.OK]} ok"
    )
    return "\n".join(lines)
