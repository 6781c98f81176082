"""The emulator as a process: `python -m tests.emulators.sagemaker --port 4566 --speed 1000`; SIGTERM ends it."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from tests.emulators.sagemaker import SageMakerEmulator, Settings


def main() -> None:
    """Serve until told to end; the first line of the output is the URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--speed", type=float, default=1.0, help="what takes 300 s at AWS takes 300/SPEED s")
    parser.add_argument("--manual", action="store_true", help="time moves by /_control/advance only")
    asked = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with SageMakerEmulator(Settings(speed=asked.speed), manual=asked.manual, port=asked.port) as aws:
        sys.stdout.write(f"{aws.url}\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
