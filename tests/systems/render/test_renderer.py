"""The tools themselves, on a scratch folder: what they write, and what ends them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headway.domain.rendering.place import ChartUse
from headway.domain.rendering.unit import Unit
from headway.errors import ConfigError, UsageError
from headway.systems.render.process import Limits, without_network
from headway.systems.render.renderer import Renderer
from headway.systems.render.tools import Toolbox
from tests.rendering import RenderingTools

OVERLAY = Unit("staging", "kustomization", "staging/kustomization.yaml", {"staging/kustomization.yaml": "1"})
CHART = Unit(
    "shop",
    "chart",
    "shop/Chart.yaml",
    {"shop": "1", "live/values.yaml": "2"},
    chart=ChartUse("shop", "mine", "live", ("live/values.yaml",)),
)
FILES = {
    "base/kustomization.yaml": b"resources: [web.yaml]\n",
    "base/web.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n",
    "staging/kustomization.yaml": b"namePrefix: my-\nresources: [../base]\n",
}
TEMPLATE = (
    b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}\n"
    b"data: {size: {{ .Values.size | quote }}}\n"
)
SHOP = {
    "shop/Chart.yaml": b"apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "shop/values.yaml": b"size: 1\n",
    "shop/templates/map.yaml": TEMPLATE,
    "shop/templates/NOTES.txt": b"Thank you for installing {{ .Release.Name }}",
    "live/values.yaml": b"size: 7\n",
}


@pytest.fixture
def renderer(rendering_tools: RenderingTools) -> Renderer:
    return Renderer(Toolbox(str(rendering_tools.kustomize), str(rendering_tools.helm)))


def test_an_overlay_is_what_kustomize_build_writes(
    renderer: Renderer, rendering_tools: RenderingTools, tmp_path: Path
) -> None:
    """Byte for byte, and its objects in the same order."""
    for path, data in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    command = [str(rendering_tools.kustomize), "build", str(tmp_path / "staging")]
    wanted = subprocess.run(command, capture_output=True, check=True).stdout
    found = renderer.render(OVERLAY, FILES)
    assert found.raw == wanted
    assert [it["metadata"]["name"] for it in found.objects] == ["my-web"]
    assert renderer.versions(OVERLAY) == "kustomize v5.8.1"


@pytest.mark.slow
def test_a_chart_is_what_helm_template_writes(renderer: Renderer) -> None:
    """With its values, release name and namespace; the notes are no object."""
    found = renderer.render(CHART, SHOP)
    (item,) = found.objects
    assert (item["metadata"], item["data"]) == ({"name": "mine", "namespace": "live"}, {"size": "7"})
    assert b"Thank you" not in found.raw
    assert renderer.versions(CHART) == "helm v4.3.1"
    assert renderer.started == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("{{ randAlphaNum 8 | quote }}", "ConfigMap live/mine: data.size"),
        ('{{ now | date "2006-01-02" | quote }}', "ConfigMap live/mine: data.size"),
        ('{{ (genCA "x" 1).Cert | b64enc | quote }}', "ConfigMap live/mine: data.size"),
    ],
)
def test_what_each_rendering_gives_anew_is_refused_with_its_field(
    renderer: Renderer, value: str, where: str
) -> None:
    """Applied, it would restart pods at each look; no value is shown, since most of them are secrets."""
    files = {
        **SHOP,
        "shop/templates/map.yaml": TEMPLATE.replace(b"{{ .Values.size | quote }}", value.encode()),
    }
    with pytest.raises(ConfigError, match=f"each rendering gives another value: {where}"):
        renderer.render(CHART, files)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "data", "said"),
    [
        (
            "shop/templates/map.yaml",
            b"a: {{ .Values.no.such }}",
            "shop/templates/map.yaml:1:13: helm: nil pointer evaluating",
        ),
        ("shop/templates/map.yaml", b'a: {{ fail "no size" }}', "no size"),
        ("shop/templates/map.yaml", b"a: {{ end }}", "shop/templates/map.yaml:1:1: helm: "),
        ("shop/templates/map.yaml", b"a: b: c", "shop/templates/map.yaml:1:1: helm: YAML parse error"),
        ("live/values.yaml", b"a:\n\tb: 1\n", "live/values.yaml:"),
        ("shop/Chart.yaml", b"apiVersion: v2\nname: shop\n", "shop/Chart.yaml:1:1: helm: "),
    ],
)
def test_a_chart_that_does_not_render_says_where(
    renderer: Renderer, path: str, data: bytes, said: str
) -> None:
    """The template or values file, with its line where Helm knows it, and no path of the scratch folder."""
    with pytest.raises(ConfigError) as caught:
        renderer.render(CHART, {**SHOP, path: data})
    assert said in str(caught.value)
    assert "/tmp" not in str(caught.value)


def test_a_tag_that_is_a_number_says_what_to_do(renderer: Renderer) -> None:
    """kustomize's "cannot unmarshal number" is said in words."""
    files = {
        **FILES,
        "staging/kustomization.yaml": b"resources: [../base]\nimages:\n- name: a\n  newTag: 1.10\n",
    }
    with pytest.raises(
        ConfigError, match="newTag is a number, and text is expected; put the value of newTag in quotes"
    ):
        renderer.render(OVERLAY, files)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(seconds=3), "it took longer than 3 seconds"),
        (Limits(output=1024 * 1024), "it wrote more than 1 MB"),
    ],
)
def test_a_rendering_that_runs_away_is_ended(tmp_path: Path, limits: Limits, said: str) -> None:
    """By time or by output; nothing that it started is left."""
    tool = tmp_path / "kustomize"
    work = (
        f"sleep 600 & echo $! > {tmp_path}/pid; wait"
        if limits.seconds == 3
        else "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done"
    )
    tool.write_text(f'#!/bin/sh\nPATH=/usr/bin:/bin\n[ "$1" = version ] && echo v5.8.1 && exit\n{work}\n')
    tool.chmod(0o755)
    with pytest.raises(ConfigError, match=said):
        Renderer(Toolbox(str(tool)), limits).render(OVERLAY, FILES)
    if (tmp_path / "pid").exists():
        pid, deadline = int((tmp_path / "pid").read_text()), time.monotonic() + 30
        # A kill is done once the kernel gets to it.
        while _runs(pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def _runs(pid: int) -> bool:
    """Return whether a process still does anything; one that ended and that nobody asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_limits_hold_from_a_tools_first_instruction_on(tmp_path: Path) -> None:
    """headway may be killed right after it started one."""
    tool = tmp_path / "kustomize"
    tool.write_text(
        '#!/bin/sh\n[ "$1" = version ] && echo v5.8.1 && exit\n'
        'echo "seconds: $(ulimit -S -t), $(ulimit -H -t)"\necho "memory: $(ulimit -v)"\necho "file: $(ulimit -f)"\n'
        'echo "core: $(ulimit -c)"\n'
    )
    tool.chmod(0o755)
    limits = Limits(seconds=2, output=2**20, memory=2**30)
    raw = Renderer(Toolbox(str(tool)), limits).render(OVERLAY, FILES).raw.decode()
    assert raw == f"seconds: 5, 6\nmemory: {2**20}\nfile: {2**11}\ncore: 0\n"


@pytest.mark.slow
def test_a_tool_ends_by_itself_where_headway_was_killed(tmp_path: Path) -> None:
    """Nobody is left to end it: the kernel does, once it has used more of the processors than it may."""
    tool = tmp_path / "kustomize"
    tool.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && echo v5.8.1 && exit\necho $$ > {tmp_path}/pid\nwhile :; do :; done\n'
    )
    tool.chmod(0o755)
    (tmp_path / "home").mkdir()
    work = (
        "from pathlib import Path; from headway.systems.render.process import Limits, run; "
        f"run([{str(tool)!r}, 'build'], Path({str(tmp_path / 'home')!r}), Limits(seconds=2))"
    )
    headway = subprocess.Popen([sys.executable, "-c", work])
    until = time.monotonic() + 120
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until
        time.sleep(0.02)
    headway.kill()
    headway.wait()
    pid = int((tmp_path / "pid").read_text())
    while _runs(pid):
        assert time.monotonic() < until, "it goes on"
        time.sleep(0.1)


@pytest.mark.parametrize(
    "path", ["../escaped.yaml", "base/../../escaped.yaml", "/escaped.yaml", "base//web.yaml", "."]
)
def test_a_path_that_leads_elsewhere_is_not_written(tmp_path: Path, renderer: Renderer, path: str) -> None:
    """Git's own tools make no such name; a tree that was pushed by others may have one."""
    with pytest.raises(ConfigError, match="which is no path in the repo"):
        renderer.render(OVERLAY, {**FILES, path: b"x"})


def test_a_tool_sees_no_network_and_nothing_of_the_machine(tmp_path: Path) -> None:
    """Neither a variable of this process, nor a program, nor a way out."""
    tool = tmp_path / "kustomize"
    tool.write_text(
        '#!/bin/sh\n[ "$1" = version ] && echo v5.8.1 && exit\n'
        'echo "PATH: $PATH"\n/usr/bin/env\n/bin/cat /proc/net/dev\n'
    )
    tool.chmod(0o755)
    os.environ["SECRET_OF_MINE"] = "hidden"
    try:
        raw = Renderer(Toolbox(str(tool))).render(OVERLAY, FILES).raw.decode()
    except ConfigError as error:
        raw = str(error)
    finally:
        del os.environ["SECRET_OF_MINE"]
    assert "hidden" not in raw
    assert "eth0" not in raw or not without_network()


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ("v4.5.7", "is kustomize v4.5.7; headway renders with kustomize 5.0 or later"),
        ("hello", "cannot be used"),
    ],
)
def test_another_version_is_refused(tmp_path: Path, says: str, said: str) -> None:
    """A tool that headway does not know is named with its version and the setting."""
    tool = tmp_path / "kustomize"
    tool.write_text(f"#!/bin/sh\necho {says}\n")
    tool.chmod(0o755)
    with pytest.raises(UsageError, match=said):
        Toolbox(str(tool)).find("kustomize")
