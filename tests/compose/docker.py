"""A Docker daemon, and images for it where no registry of images can be reached."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STAND_INS = Path(__file__).parent / "stand_ins"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
START_SECONDS = 60
NEEDED = "On Debian: sudo apt-get install docker.io docker-compose debootstrap"


def run(*command: str | Path, **options: object) -> str:
    """Output of a program; its errors are shown with what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        text=True,
        stdin=options.pop("stdin", subprocess.DEVNULL),
        **options,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout.strip()


@contextmanager
def daemon(folder: Path) -> Iterator[None]:
    """The daemon that this machine runs; else one of our own, in a folder that goes with it."""
    assert shutil.which("docker"), f"There is no Docker. {NEEDED}"
    if subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        yield
        return
    assert shutil.which("dockerd") and os.geteuid() == 0, (
        f"No Docker daemon answers, and only root can start one. {NEEDED}"
    )
    socket = f"unix://{folder / 'docker.sock'}"
    options = {"data-root": "data", "exec-root": "exec", "pidfile": "dockerd.pid"}
    with (folder / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(
            ["dockerd", "--host", socket, *(f"--{k}={folder / v}" for k, v in options.items())],
            stdout=log,
            stderr=log,
        )
    os.environ["DOCKER_HOST"] = socket
    try:
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run(["docker", "info"], capture_output=True).returncode:
            assert process.poll() is None and time.monotonic() < deadline, (
                f"dockerd does not start; see {folder / 'dockerd.log'}"
            )
            time.sleep(0.5)
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        del os.environ["DOCKER_HOST"]
        shutil.rmtree(folder / "data")


def debian(tag: str, folder: Path) -> str:
    """An image of this machine's Debian with python3; made once."""
    if run("docker", "images", "--quiet", tag):
        return tag
    assert shutil.which("debootstrap") and os.geteuid() == 0, f"debootstrap needs root. {NEEDED}"
    formats = ("$(REPO_URI)", "$(CODENAME)")
    repository, release = (
        run("apt-get", "indextargets", "--format", each, "Created-By: Packages").splitlines()[0]
        for each in formats
    )
    root = folder / "debian"
    packages = "--include=ca-certificates,python3,python3-venv"
    run("debootstrap", "--variant=minbase", packages, release, root, repository)
    # a network may have a certificate authority of its own
    shutil.copy(CERTIFICATES, root / CERTIFICATES.lstrip("/"))
    with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
        run("docker", "import", "-", tag, stdin=tar.stdout)
    shutil.rmtree(root)
    return tag


def stand_ins(folder: Path) -> dict[str, str]:
    """What the variables of docker-compose.yaml must name, so that it takes stand-ins."""
    base = debian("solar-stand-in:debian", folder)
    images = {"BASE_IMAGE": base}
    for name in ("postgres", "redis", "prometheus"):
        images[f"{name.upper()}_IMAGE"] = tag = f"solar-stand-in:{name}"
        run("docker", "build", "--build-arg", f"DEBIAN={base}", "--target", name, "--tag", tag,
            STAND_INS)  # fmt: skip
    return images
