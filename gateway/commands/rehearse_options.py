"""The options of `offhook rehearse`; apart from the command, which is slow to import."""

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--number", default="100", help="the number to dial (default 100)")
    parser.add_argument(
        "--target",
        dest="address",
        metavar="ADDRESS[:PORT]",
        help="the gateway, if not the configured one",
    )
    words = parser.add_mutually_exclusive_group()
    words.add_argument("--script", type=Path, metavar="FILE", help="what the caller says")
    words.add_argument("--say", action="append", metavar="TEXT", help="one line; may be repeated")
    parser.add_argument(
        "--codec", choices=("PCMU", "PCMA", "G722", "opus"), default="PCMU", help="(default PCMU)"
    )
    parser.add_argument("--tcp", action="store_true", help="SIP over TCP")
    parser.add_argument(
        "--webrtc", action="store_true", help="call like a browser, over WebRTC, not over SIP"
    )
    parser.add_argument(
        "--agent",
        default="",
        metavar="NAME",
        help="whom to call with --webrtc (default: the first)",
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument(
        "--record", type=Path, metavar="FILE.wav", help="write both sides, caller left"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw both sides")
    parser.add_argument("--url", metavar="URL", help="the gateway's API, if not the configured one")
