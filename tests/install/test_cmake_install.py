"""cmake --install: what goes where, under DESTDIR and with another prefix, and that a second one keeps what was edited."""
import gzip
import subprocess

import pytest
from conftest import build_directory
from daemon import ROOT

FILES = {
    "bin/sipbridge": 0o755, "share/man/man1/sipbridge.1.gz": 0o644, "lib/systemd/system/sipbridge.service": 0o644,
    "lib/systemd/system/sipbridge.socket": 0o644, "lib/systemd/system/sipbridge-admin.socket": 0o644,
    "lib/sysusers.d/sipbridge.conf": 0o644, "share/bash-completion/completions/sipbridge": 0o644,
    "share/zsh/site-functions/_sipbridge": 0o644, "share/doc/sipbridge/copyright": 0o644,
    "share/doc/sipbridge/install.md": 0o644, "share/doc/sipbridge/examples/sipbridge.env.example": 0o644,
    "share/doc/sipbridge/examples/caddy/Caddyfile": 0o644,
}


def install(destdir, *args):
    subprocess.run(["cmake", "--install", str(build_directory()), *args], check=True, stdout=subprocess.DEVNULL, timeout=60,
                   env={"PATH": "/usr/bin:/bin", "DESTDIR": str(destdir)})


@pytest.mark.parametrize("prefix", ["/usr/local", "/opt/sipbridge"])
def test_everything_is_where_it_belongs(tmp_path, prefix):
    install(tmp_path, "--prefix", prefix)
    for name, mode in FILES.items():
        assert (tmp_path / prefix.lstrip("/") / name).stat().st_mode & 0o7777 == mode, name
    assert (tmp_path / "etc/sipbridge/sipbridge.env").stat().st_mode & 0o7777 == 0o640
    assert (tmp_path / "etc/logrotate.d/sipbridge").is_file()
    there = tmp_path / prefix.lstrip("/")
    unit = (there / "lib/systemd/system/sipbridge.service").read_text()
    assert f"\nExecStart={prefix}/bin/sipbridge serve --env-file /etc/sipbridge/sipbridge.env\n" in unit
    manual = gzip.decompress((there / "share/man/man1/sipbridge.1.gz").read_bytes())
    assert manual == (ROOT / "doc/sipbridge.1").read_bytes()


def test_a_second_installation_keeps_what_was_edited(tmp_path):
    install(tmp_path)
    edited = [tmp_path / "etc/sipbridge/sipbridge.env", tmp_path / "etc/logrotate.d/sipbridge"]
    for path in edited:
        path.write_text("mine")
    install(tmp_path)
    assert [path.read_text() for path in edited] == ["mine", "mine"]
