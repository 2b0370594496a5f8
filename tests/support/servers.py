"""Servers that others wrote, each in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from solar_stack import programs
from solar_stack.ports import free_port

START_SECONDS = 60
PYTHON = (sys.executable, "-m")


@contextmanager
def gcs(bucket: str) -> Iterator[int]:
    """Port of a Cloud Storage emulator with a bucket."""
    port = free_port()
    command = ["gcp_storage_emulator", "start", "--in-memory", f"--default-bucket={bucket}"]
    with _running([*PYTHON, *command, "--host=127.0.0.1", f"--port={port}"], port):
        yield port


@contextmanager
def s3(bucket: str, secret: str) -> Iterator[int]:
    """Port of moto's S3 with a bucket."""
    port = free_port()
    with _running([*PYTHON, "moto.server", "-H", "127.0.0.1", "-p", str(port)], port):
        s3_client(port, secret).create_bucket(Bucket=bucket)
        yield port


@contextmanager
def redis(password: str) -> Iterator[int]:
    """Port of a Redis that keeps nothing."""
    port, program = free_port(), programs.redis()
    assert program
    settings = {"bind": "127.0.0.1", "port": port, "save": '""', "requirepass": password}
    given = "".join(f"{name} {value}\n" for name, value in settings.items())
    with _running([program, "-"], port, given):
        yield port


def s3_client(port: int, secret: str) -> Any:
    """A client of its own, to look behind the exchange's back."""
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="solar",
        aws_secret_access_key=secret,
    )


@contextmanager
def _running(command: list[str], port: int, given: str = "") -> Iterator[None]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # moto itself looks for an account
        env={**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"},
        text=True,
    )
    assert process.stdin
    process.stdin.write(given)
    process.stdin.close()
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port):
            assert process.poll() is None, f"{command} ended"
            assert time.monotonic() < deadline, f"{command} does not answer"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
