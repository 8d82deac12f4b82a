"""Everything from a fresh clone with nothing but Python 3.11+ and git.

Makes an environment in ``.venv``, installs this checkout and what it needs at the versions of
``constraints.txt``:

- ``python3 scripts/run.py demo`` trains on the vessel images that come with the program and shows the result,
- ``python3 scripts/run.py test`` runs every check; system libraries for Qt are installed if permitted,
- ``checks [lint|tests] [pytest options]`` runs the checks in the Python it is called with (tox, developers).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from glob import glob
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
LINT = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
    ("lint-imports",),
)


def library(name: str) -> Callable[[], bool]:
    """Return a check for a shared library."""

    def is_there() -> bool:
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    return is_there


def program(name: str) -> Callable[[], bool]:
    """Return a check for a program."""
    return lambda: shutil.which(name) is not None


def files(*patterns: str) -> Callable[[], bool]:
    """Return a check for files."""
    return lambda: any(glob(pattern) for pattern in patterns)


# What Qt needs to open a window, by Debian package.
QT_PACKAGES = {
    "libdbus-1-3": library("libdbus-1.so.3"),
    "libegl1": library("libEGL.so.1"),
    "libfontconfig1": library("libfontconfig.so.1"),
    "libgl1": library("libGL.so.1"),
    "libgl1-mesa-dri": files("/usr/lib*/dri/*_dri.so", "/usr/lib*/*/dri/*_dri.so"),
    "libglib2.0-0": library("libgthread-2.0.so.0"),
    "libx11-xcb1": library("libX11-xcb.so.1"),
    "libxcb-cursor0": library("libxcb-cursor.so.0"),
    "libxcb-icccm4": library("libxcb-icccm.so.4"),
    "libxcb-image0": library("libxcb-image.so.0"),
    "libxcb-keysyms1": library("libxcb-keysyms.so.1"),
    "libxcb-randr0": library("libxcb-randr.so.0"),
    "libxcb-render-util0": library("libxcb-render-util.so.0"),
    "libxcb-shape0": library("libxcb-shape.so.0"),
    "libxcb-xfixes0": library("libxcb-xfixes.so.0"),
    "libxcb-xinerama0": library("libxcb-xinerama.so.0"),
    "libxcb-xkb1": library("libxcb-xkb.so.1"),
    "libxkbcommon-x11-0": library("libxkbcommon-x11.so.0"),
    "fonts-dejavu-core": files("/usr/share/fonts/*/*.[to]tf", "/usr/share/fonts/*/*/*.[to]tf"),
}
HEADLESS_PACKAGES = {"xauth": program("xauth"), "xvfb": program("xvfb-run")}


def main() -> int:
    """Run what the first argument names and return the exit status."""
    action, *options = sys.argv[1:] or ["help"]
    if action == "checks":
        return checks(options)
    if action not in ("demo", "test"):
        print(__doc__)
        return 0 if action in ("help", "--help", "-h") else 2
    if sys.hexversion < 0x030B0000:
        sys.exit(f"Error: Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    if action == "demo":
        if has_display():
            install_system(QT_PACKAGES, "to open napari (the demo itself goes on without)")
        python = environment("all")
        return run(python, "-m", "napari_unet", "demo", *options)
    if sys.platform == "linux" and not install_system(
        {**QT_PACKAGES, **HEADLESS_PACKAGES}, "to test napari's windows without a screen"
    ):
        return 1
    python = environment("all", "dev")
    return run(python, __file__, "checks", *options)


def checks(options: Sequence[str]) -> int:
    """Run the linters, then the tests under a virtual screen; pytest's closing line comes last."""
    # A shell's background job ignores Ctrl+C and hands that down; some tests press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    wanted, *pytest_options = options if options and options[0] in ("lint", "tests") else ["all", *options]
    bin_folder = Path(sys.executable).parent
    failed = []
    for name, *arguments in LINT if wanted in ("all", "lint") else ():
        print(f"$ {name} {' '.join(arguments)}", flush=True)
        if run(str(bin_folder / name), *arguments):
            failed.append(name)
    if failed:
        print(f"FAILED: {', '.join(failed)}", flush=True)
    if wanted in ("all", "tests"):
        command = [sys.executable, "-m", "pytest", *pytest_options]
        if sys.platform == "linux" and shutil.which("xvfb-run"):
            command = ["xvfb-run", "-a", "-s", "-screen 0 1400x900x24", *command]
        if run(*command, OMP_NUM_THREADS="2"):
            failed.append("pytest")
    return 1 if failed else 0


def environment(*extras: str) -> str:
    """Make ``.venv`` with this checkout in it, unless it is there; returns its Python."""
    python = str(ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    wanted = ",".join(extras)
    pinned = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    state = hashlib.sha256(pinned + wanted.encode() + str(ROOT).encode()).hexdigest()
    done = ENVIRONMENT / f"installed-{'-'.join(extras)}.txt"
    if done.exists() and done.read_text() == state and not run(python, "-c", "import napari_unet"):
        return python
    if not Path(python).exists() or run(python, "-m", "pip", "--version", quiet=True):
        make_environment()
    print(
        "Installing napari-unet and what it needs into .venv; this takes some minutes the first time.",
        flush=True,
    )
    packages = ["-c", str(ROOT / "constraints.txt"), "-e", f"{ROOT}[{wanted}]"]
    if run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *packages):
        sys.exit(
            "Error: the installation failed; see the lines above. Is there a connection to the internet?"
        )
    done.write_text(state)
    return python


def make_environment() -> None:
    """Create ``.venv``. Debian leaves out a part of Python that this needs, and has it as a package."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not has_ensurepip() and sys.executable.startswith("/usr/bin/"):
        install_system({f"python{version}-venv": has_ensurepip}, "to make an environment for Python packages")
    print(f"Making an environment with Python {version} in .venv.", flush=True)
    for module in ("venv", "virtualenv") if has_ensurepip() else ("virtualenv",):
        if not run(sys.executable, "-m", module, "--clear", str(ENVIRONMENT), quiet=True):
            return
    sys.exit("Error: this Python cannot make environments. Install: sudo apt-get install python3-venv")


def has_ensurepip() -> bool:
    """Whether this Python can put pip into an environment; asked anew, it may just have been installed."""
    return not run(sys.executable, "-c", "import ensurepip, venv", quiet=True)


def install_system(packages: dict[str, Callable[[], bool]], purpose: str) -> bool:
    """Install missing Debian packages if permitted, otherwise say which; returns whether all are there."""
    missing = [name for name, is_there in packages.items() if not is_there()]
    if not missing:
        return True
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    root = getattr(os, "geteuid", lambda: 1)() == 0
    sudo = [] if root else ["sudo", "-n"]
    if shutil.which("apt-get") and (root or not run("sudo", "-n", "true", quiet=True)):
        print(f"Installing system packages {purpose}: {' '.join(missing)}", flush=True)
        settings = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive"]
        lock = ["-o", "DPkg::Lock::Timeout=300"]
        run(*settings, "apt-get", "update", "-qq", *lock)
        run(*settings, *command[:2], *lock, *command[2:], quiet=True)
        missing = [name for name in missing if not packages[name]()]
    if missing:
        print(f"Missing {purpose}: {' '.join(missing)}", file=sys.stderr)
        print(f"Install them with: sudo apt-get install {' '.join(missing)}", file=sys.stderr, flush=True)
    return not missing


def has_display() -> bool:
    """Whether a window could be opened."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run(*command: str, quiet: bool = False, **variables: str) -> int:
    """Run a program in the project's folder and return its exit status."""
    output = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run(
            command, cwd=ROOT, env={**os.environ, **variables}, stdout=output, stderr=output, check=False
        ).returncode
    except FileNotFoundError:
        return 127


if __name__ == "__main__":
    sys.exit(main())
