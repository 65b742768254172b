"""nld as a service of a whole Debian 13: its units, its journal, a second boot.

One machine for the file, and the tests build on each other in their order: a boot takes long.
"""

from __future__ import annotations

import json

import pytest

from .conftest import Boot
from .machine import Machine
from .wheels import REPOSITORY

pytestmark = pytest.mark.vm

SOCKET = "unix:/run/nld/io.nld"
SPECIFICATION = REPOSITORY / "kmod/nld.yaml"

# Starting nld is seconds of work for an emulated processor that other builds may share.
LONG = 300.0


@pytest.fixture(scope="module")
def system(boot_module: Boot) -> Machine:
    """Boot Debian and wait until it is up."""
    machine = boot_module("debian13", cpus=1)
    machine.run("systemctl is-system-running --wait", timeout=LONG, check=False)
    machine.run("mkdir -p /etc/nld")
    machine.put("/etc/nld/config.toml", "[kernel.module]\nenabled = true\n")
    return machine


def test_nothing_failed(system: Machine) -> None:
    assert system.run("systemctl --failed --plain --no-legend").text == ""


def test_first_connection_of_an_unprivileged_user_starts_the_service(system: Machine) -> None:
    system.run("systemctl stop nld.service", timeout=LONG)
    assert system.run("systemctl is-active nld.socket").text.strip() == "active"
    reply = system.run(["varlinkctl", "info", SOCKET], user="user", timeout=LONG)
    assert "io.nld" in reply.text
    assert system.run("systemctl is-active nld.service").text.strip() == "active"


def test_status_is_notified(system: Machine) -> None:
    shown = system.run("systemctl show nld.service -p StatusText -p User -p MainPID").text
    fields = dict(line.split("=", 1) for line in shown.splitlines())
    assert "listening on /run/nld/io.nld" in fields["StatusText"]
    assert fields["User"] == "nld"


def test_capabilities_are_one(system: Machine) -> None:
    number = system.run("systemctl show nld.service -p MainPID --value").text.strip()
    status = system.run(["cat", f"/proc/{number}/status"]).text
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
    assert int(effective, 16) == 1 << 12  # CAP_NET_ADMIN (capabilities(7))


def test_route_is_added_in_the_kernel_and_found_in_the_journal(system: Machine) -> None:
    system.run("ip link add nld0 type dummy && ip link set nld0 up && ip address add 192.0.2.1/24 dev nld0")
    system.run("nld route add 198.51.100.0/24 via 192.0.2.2", timeout=LONG)
    (route,) = json.loads(system.run("ip -j route show 198.51.100.0/24").text)
    assert (route["gateway"], route["protocol"]) == ("192.0.2.2", "nld")
    entries = system.run("journalctl -u nld NLD_DST=198.51.100.0/24 -o json --no-pager", timeout=LONG).text
    (entry,) = map(json.loads, entries.splitlines())
    assert (entry["MESSAGE"].split()[0], entry["NLD_OPERATION"]) == ("written", "add")


def test_route_is_added_in_the_module_which_the_service_loaded(system: Machine) -> None:
    system.run("nld -kernel module route add 203.0.113.0/24 via 192.0.2.3", timeout=LONG)
    assert system.run(["cat", "/sys/module/nld/initstate"]).text.strip() == "live"
    system.put("/run/nld.yaml", SPECIFICATION.read_bytes())
    words = ["ynl", "--spec", "/run/nld.yaml", "--no-schema", "--dump", "route-get", "--output-json"]
    (there,) = json.loads(system.run([*words, "--json", "{}"], timeout=LONG).text)
    assert (there["dst"], there["dst-len"], there["gateway"]) == ("cb007100", 24, "c0000203")
    assert "203.0.113.0" not in system.run("ip route").text
    assert system.run(["nld", "greet", "Hello"], timeout=LONG).text == "Hello from kernel unicast\n"


def test_varlinkctl_reads_calls_and_streams(system: Machine) -> None:
    shown = system.run(["varlinkctl", "introspect", SOCKET, "io.nld"], user="user", timeout=LONG).text
    assert "method Lookup(" in shown
    words = ["varlinkctl", "--json=short", "call", SOCKET, "io.nld.Get", '{"key":{"dst":"198.51.100.0/24"}}']
    (route,) = json.loads(system.run(words, user="user", timeout=LONG).text)["routes"]
    assert route["gateway"] == "192.0.2.2"
    words = ["varlinkctl", "--json=short", "--more", "call", SOCKET, "io.nld.List", '{"kernel":"module"}']
    # systemd puts the record separator of RFC 7464 before each reply.
    replies = system.run(words, user="user", timeout=LONG).text.replace("\x1e", "\n").split("\n")
    routes = [route["dst"] for reply in replies if reply for route in json.loads(reply)["routes"]]
    assert routes == ["203.0.113.0/24"]
    words = ["varlinkctl", "call", SOCKET, "io.nld.Add", '{"routes":[{"dst":"10.0.0.0/8","dev":"nld0"}]}']
    refused = system.run(words, user="user", timeout=LONG, check=False)
    assert refused.code != 0
    assert "io.nld.PermissionDenied" in refused.error_text + refused.text


def test_stop_and_restart_are_clean(system: Machine) -> None:
    system.run("systemctl restart nld.service", timeout=LONG)
    system.run("systemctl stop nld.service", timeout=LONG)
    shown = system.run("systemctl show nld.service -p Result -p ExecMainStatus").text
    assert sorted(shown.split()) == ["ExecMainStatus=0", "Result=success"]


def test_second_boot_starts_it_again(system: Machine) -> None:
    system.reboot()
    system.run("systemctl is-system-running --wait", timeout=LONG, check=False)
    assert system.run("systemctl is-active nld.service nld.socket").text.split() == ["active", "active"]
    assert len(system.run("journalctl --list-boots --quiet --no-pager").text.splitlines()) >= 2
    assert not system.reports()
