"""How PJSIP and its Python module are built: source in, wheel out; and what the result depends on."""

import hashlib
import os
import shutil
import sys
import sysconfig
from pathlib import Path

from telephony.build import packages, source
from telephony.build.running import BuildFailed, Runner

SITE = Path(__file__).with_name("config_site.h")
CONFIGURE = (
    "--enable-epoll", "--disable-video", "--with-external-srtp", "--with-external-speex",
    "--with-external-gsm", "--enable-speex-resample", "--disable-ilbc-codec",
    "--disable-g7221-codec", "--disable-libyuv", "--disable-libwebrtc", "--disable-sdl",
    "--disable-ffmpeg", "--disable-v4l2", "--disable-openh264", "--disable-vpx",
    "--disable-opencore-amr", "--disable-silk", "--disable-bcg729", "--disable-lyra",
    "--disable-upnp",
)  # fmt: skip
CFLAGS = "-O2 -fPIC -DNDEBUG"
SETUPTOOLS = "setuptools>=70.1,<90"  # makes wheels without help from 70.1 on
STEPS = 6


def label(tarball: Path | None) -> str:
    """Return a name for all that shapes the wheel, so that a change builds anew."""
    digest = hashlib.sha256()
    for path in (SITE, Path(__file__), *([tarball] if tarball else [])):
        digest.update(path.read_bytes())
    digest.update(repr(sysconfig.get_config_var("SOABI")).encode())
    # A letter first: a version's label of digits alone would be read as a number, and rewritten.
    return f"b{digest.hexdigest()[:10]}"


def make_wheel(runner: Runner, scratch: Path, tarball: Path | None) -> Path:
    """Build the wheel in `scratch` and return it. Raises `BuildFailed` and `OSError`."""
    runner.tell("build packages")
    packages.install(runner, scratch)
    runner.tell("source of PJSIP")
    archive = tarball or source.fetch(scratch, runner.run)
    tree = source.unpack(archive, scratch / "pjproject")
    runner.tell(f"configure PJSIP {source.version(tree)}")
    _configure(runner, tree)
    runner.tell("compile PJSIP")
    jobs = f"-j{os.cpu_count() or 1}"
    flags = {"CFLAGS": CFLAGS, "CXXFLAGS": CFLAGS}
    runner.run("make", "dep", cwd=tree, env=flags)
    runner.run("make", jobs, "lib", cwd=tree, env=flags)
    runner.tell("write the Python module")
    swig = tree / "pjsip-apps/src/swig/python"
    _wrap(runner, swig, f"+offhook.{label(tarball)}")
    runner.tell("compile the Python module (the longest step)")
    return _pack(runner, swig, scratch / "tools")


def _configure(runner: Runner, tree: Path) -> None:
    shutil.copy(SITE, tree / "pjlib/include/pj/config_site.h")
    makefile = tree / "pjmedia/build/Makefile"
    # Debian's trimmed source names an object whose file was taken out.
    makefile.write_text(makefile.read_text().replace("bdimad_dev.o", ""))
    flags = {"CFLAGS": CFLAGS, "CXXFLAGS": CFLAGS}
    runner.run("./aconfigure", *CONFIGURE, cwd=tree, env=flags)


def _wrap(runner: Runner, swig: Path, suffix: str) -> None:
    """Write the C++ code of the module, and the wheel's version with our label in it."""
    if "-threads" not in (swig / "Makefile").read_text():
        # Without it the first callback from a media thread ends the process (issue 3141).
        raise BuildFailed("this source would build a module that cannot be used from threads")
    runner.run("make", "pjsua2_wrap.cpp", cwd=swig)
    setup = swig / "setup.py"
    text = setup.read_text()
    if "version=pj_version" not in text:
        raise BuildFailed("setup.py of this source has changed: the version is not where it was")
    setup.write_text(text.replace("version=pj_version", f'version=pj_version + "{suffix}"'))


def _pack(runner: Runner, swig: Path, tools: Path) -> Path:
    """Compile the module and pack it; the tools for it stay out of the environment."""
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    runner.run(*pip, "--target", str(tools), SETUPTOOLS, cwd=swig)
    flags = {"CFLAGS": CFLAGS, "CXXFLAGS": CFLAGS, "PYTHONPATH": str(tools)}
    runner.run(sys.executable, "setup.py", "bdist_wheel", cwd=swig, env=flags)
    found = list((swig / "dist").glob("pjsua2-*.whl"))
    if not found:
        raise BuildFailed("the build left no wheel")
    return found[0]
