"""Make .venv hold exactly what requirements.lock pins, and this checkout in editable form.

With the argument "peers", make .venv-peers too: it sees all that .venv holds, and has requirements-peers.txt beside it.

Does nothing when it already does. Needs only the standard library. A stamp written last tells a finished
environment from an interrupted one; a lock makes two runs at once wait for each other.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PEERS = ROOT / ".venv-peers"
PIP = ("-m", "pip", "install", "-qq", "--disable-pip-version-check")


def wanted_stamp(*more: str) -> str:
    """Digest what an environment depends on: the pins, the project, the place and the interpreter, and `more` files."""
    digest = hashlib.sha256()
    files = [(ROOT / name).read_bytes() for name in ("requirements.lock", "pyproject.toml", *more)]
    for part in (*files, str(ROOT).encode(), sys.version.encode()):
        digest.update(part + b"\0")
    return digest.hexdigest()


def is_ready(venv: Path, stamp: str) -> bool:
    if not (venv / "stamp").is_file() or (venv / "stamp").read_text() != stamp:
        return False
    command = [venv / "bin" / "python", "-c", "import workbench"]
    return subprocess.run(command, capture_output=True, cwd="/").returncode == 0


@contextlib.contextmanager
def only_one():
    import fcntl

    with open(ROOT / ".setup.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def environment() -> dict[str, str]:
    """Return the variables without those that lead pip to another environment or constrain the pins."""
    kept_out = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_CONSTRAINT")
    return {name: value for name, value in os.environ.items() if name not in kept_out}


def run(venv: Path, *command: str) -> None:
    subprocess.run([venv / "bin" / "python", *command], check=True, cwd=ROOT, env=environment())


def make(venv: Path, *options: str) -> None:
    if venv.is_symlink() or venv.is_file():
        venv.unlink()
    shutil.rmtree(venv, ignore_errors=True)
    print(f"Setting up {venv.name} with Python {sys.version.split()[0]} (a few minutes, once)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", *options, venv], check=True, env=environment())


def install() -> None:
    make(VENV)
    print("Installing the locked dependencies", flush=True)
    run(VENV, *PIP, "--no-deps", "--require-hashes", "-r", "requirements.lock")
    print("Installing the workbench", flush=True)
    run(VENV, *PIP, "--no-deps", "--no-build-isolation", "-e", ".")


def install_peers() -> None:
    make(PEERS, "--without-pip")
    (packages,) = PEERS.glob("lib/python*/site-packages")
    locked = VENV / packages.relative_to(PEERS)
    # Unlike a line with the folder's name, this also reads the .pth file by which .venv finds the workbench.
    (packages / "locked.pth").write_text(f"import site; site.addsitedir({str(locked)!r})\n")
    print("Installing the peers", flush=True)
    run(PEERS, *PIP, "-r", "requirements-peers.txt")  # by .venv's pip, which leaves alone what .venv has


def set_up(venv: Path, stamp: str, install: Callable[[], None]) -> None:
    if is_ready(venv, stamp):
        return
    with only_one():
        if not is_ready(venv, stamp):
            install()
            (venv / "stamp").write_text(stamp)


def main() -> int:
    try:
        set_up(VENV, wanted_stamp(), install)
        if sys.argv[1:] == ["peers"]:
            set_up(PEERS, wanted_stamp("requirements-peers.txt"), install_peers)
    except subprocess.CalledProcessError as failure:
        command = " ".join(str(part) for part in failure.cmd)
        print(f"Setting up failed at: {command}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
