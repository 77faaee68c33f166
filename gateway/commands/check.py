"""`offhook check`: prints what is wrong on this machine, worst last, with the remedy."""

import argparse
import json
from dataclasses import asdict

from gateway.check import collect
from gateway.checks.finding import Finding, Level
from gateway.commands.exits import Exit
from gateway.log import one_line


def run(options: argparse.Namespace) -> int:
    findings = collect(options.config)
    if options.json:
        rows = [asdict(finding) for finding in findings]
        print(json.dumps({"level": worst(findings), "findings": rows}, indent=2))
    else:
        print(report(findings))
    return Exit.FAILED if worst(findings) is Level.FAIL else Exit.OK


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
