"""Make .venv hold exactly what requirements.lock pins, and this checkout in editable form.

Does nothing when it already does. Needs only the standard library. A stamp written last tells a finished
environment from an interrupted one; a lock makes two runs at once wait for each other.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "stamp"
PYTHON = VENV / "bin" / "python"


def wanted_stamp() -> str:
    """Digest what the environment depends on: the pins, the project, the place and the interpreter."""
    digest = hashlib.sha256()
    for part in (
        (ROOT / "requirements.lock").read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
        str(ROOT).encode(),
        sys.version.encode(),
    ):
        digest.update(part + b"\0")
    return digest.hexdigest()


def is_ready(stamp: str) -> bool:
    if not STAMP.is_file() or STAMP.read_text() != stamp:
        return False
    return subprocess.run([PYTHON, "-c", "import workbench"], capture_output=True, cwd="/").returncode == 0


@contextlib.contextmanager
def only_one():
    import fcntl

    with open(ROOT / ".setup.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def install(stamp: str) -> None:
    # A pip that is told about another environment, or given constraints, would not install the pins.
    kept_out = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_CONSTRAINT")
    environment = {name: value for name, value in os.environ.items() if name not in kept_out}
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    shutil.rmtree(VENV, ignore_errors=True)
    print(f"Setting up {VENV.name} with Python {sys.version.split()[0]} (a few minutes, once)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True, env=environment)
    pip = [PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
    print("Installing the locked dependencies", flush=True)
    subprocess.run([*pip, "--require-hashes", "-r", "requirements.lock"], check=True, cwd=ROOT, env=environment)
    print("Installing the workbench", flush=True)
    subprocess.run([*pip, "--no-build-isolation", "-e", "."], check=True, cwd=ROOT, env=environment)
    STAMP.write_text(stamp)


def main() -> int:
    stamp = wanted_stamp()
    if is_ready(stamp):
        return 0
    with only_one():
        if is_ready(stamp):
            return 0
        try:
            install(stamp)
        except subprocess.CalledProcessError as failure:
            command = " ".join(str(part) for part in failure.cmd)
            print(f"Setting up .venv failed at: {command}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
