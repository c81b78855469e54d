"""Which processor it is, by its numbers and by its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_agent.processors import Chip, CpuIdentity, chip_of, is_personal, parse_cpuinfo

XEON = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz
stepping\t: 7
flags\t\t: fpu vme

processor\t: 1
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz
stepping\t: 7
flags\t\t: fpu vme
"""

GUEST = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC
flags\t\t: fpu vme hypervisor lahf_lm
"""

ALTRA = """\
processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd evtstrm
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1
"""

PI_4 = """\
processor\t: 0
model name\t: ARMv7 Processor rev 3 (v7l)
CPU implementer\t: 0x41
CPU architecture: 7
CPU part\t: 0xd08

processor\t: 1
model name\t: ARMv7 Processor rev 3 (v7l)

Hardware\t: BCM2711
Revision\t: c03112
Model\t\t: Raspberry Pi 4 Model B Rev 1.2
"""


def cpu(text: str, *, hypervisor: bool = False) -> CpuIdentity:
    """Return "vendor family model [stepping] | model name" as an identity."""
    numbers, _, name = text.partition("|")
    vendor, family, model, *stepping = numbers.split()
    return CpuIdentity(
        vendor_id={"intel": "GenuineIntel", "amd": "AuthenticAMD"}.get(vendor, vendor),
        family=int(family),
        model=int(model, 0),
        stepping=int(stepping[0]) if stepping else None,
        model_name=name.strip(),
        hypervisor=hypervisor,
    )


def test_a_server_says_its_numbers_and_its_threads() -> None:
    assert parse_cpuinfo(XEON) == CpuIdentity(
        vendor_id="GenuineIntel",
        family=6,
        model=85,
        stepping=7,
        model_name="Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz",
        threads=2,
    )


def test_a_guest_is_known_by_its_flag() -> None:
    identity = parse_cpuinfo(GUEST)

    assert identity.hypervisor
    assert chip_of(identity).name == "zen-5"


def test_an_arm_server_is_known_by_its_part() -> None:
    identity = parse_cpuinfo(ALTRA)

    assert (identity.vendor_id, identity.family, identity.model) == ("0x41", 8, 0xD0C)
    assert chip_of(identity) == Chip("neoverse-n1", is_client=False)


def test_a_raspberry_pi_is_known_by_its_board() -> None:
    identity = parse_cpuinfo(PI_4)

    assert identity.model_name == "Raspberry Pi 4 Model B Rev 1.2"
    assert identity.threads == 2
    assert chip_of(identity).name == "raspberry-pi-4"


@pytest.mark.parametrize("text", ["", "\n\n", "processor", "cpu family : six\nmodel : \n: :"])
def test_what_is_missing_is_none_and_not_a_number(text: str) -> None:
    identity = parse_cpuinfo(text)

    assert (identity.family, identity.model, identity.model_name) == (None, None, "")
    assert chip_of(identity) == Chip(None, is_client=False)
    assert identity.sockets == 1
    assert not identity.is_single_threaded


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("amd 23 1 | AMD EPYC 7601", "zen"),
        ("amd 23 0x18 | AMD Ryzen 7 3700U", "zen"),
        ("amd 23 0x31 | AMD EPYC 7702", "zen-2"),
        ("amd 23 0x71 | AMD Ryzen 9 3900X", "zen-2"),
        ("amd 25 1 | AMD EPYC 7763", "zen-3"),
        ("amd 25 0x21 | AMD Ryzen 9 5950X", "zen-3"),
        ("amd 25 0x11 | AMD EPYC 9654", "zen-4"),
        ("amd 25 0xa0 | AMD EPYC 8534P", "zen-4"),
        ("amd 25 0x61 | AMD Ryzen 9 7950X", "zen-4"),
        ("amd 26 0x02 | AMD EPYC 9755", "zen-5"),
        ("amd 26 0x11 | AMD EPYC 9965", "zen-5"),
        ("amd 26 0x44 | AMD Ryzen 9 9950X", "zen-5"),
        ("amd 26 0x50 | AMD Eng Sample", None),
        ("amd 21 2 | AMD Opteron", None),
        ("intel 6 42 | Intel(R) Xeon(R) CPU E31230", "sandy-bridge"),
        ("intel 6 62 | Intel(R) Xeon(R) CPU E5-2670 v2", "ivy-bridge"),
        ("intel 6 63 | Intel(R) Xeon(R) CPU E5-2680 v3", "haswell"),
        ("intel 6 79 | Intel(R) Xeon(R) CPU E5-2680 v4", "broadwell"),
        ("intel 6 85 4 | Intel(R) Xeon(R) Gold 6142", "skylake-server"),
        ("intel 6 85 | Intel Xeon Processor", "skylake-server"),
        ("intel 6 85 6 | Intel Xeon Processor (Cascadelake)", "cascade-lake"),
        ("intel 6 85 11 | Intel(R) Xeon(R) Platinum 8380H", "cascade-lake"),
        ("intel 6 106 | Intel(R) Xeon(R) Gold 6338", "ice-lake"),
        ("intel 6 143 | Intel(R) Xeon(R) Platinum 8488C", "sapphire-rapids"),
        ("intel 6 207 | Intel(R) Xeon(R) Gold 6530", "emerald-rapids"),
        ("intel 6 173 | Intel(R) Xeon(R) 6972P", "granite-rapids"),
        ("intel 6 94 | Intel(R) Xeon(R) CPU E3-1230 v5", "skylake-client"),
        ("intel 6 158 | Intel(R) Xeon(R) E-2124", "coffee-lake"),
        ("intel 6 142 | Intel(R) Core(TM) i7-8650U", "kaby-lake"),
        ("intel 6 183 | 13th Gen Intel(R) Core(TM) i9-13900K", "raptor-lake"),
        ("intel 6 175 | Intel(R) Xeon(R) 6780E", None),
        ("intel 15 6 | Common KVM processor", None),
        ("0x41 8 0xd0c | ", "neoverse-n1"),
        ("0x41 8 0xd40 | ", "neoverse-v1"),
        ("0x41 8 0xd4f | ", "neoverse-v2"),
        ("0x41 8 0xd03 | ", None),
    ],
)
def test_a_chip_is_known_by_its_numbers(text: str, name: str | None) -> None:
    assert chip_of(cpu(text)).name == name


@pytest.mark.parametrize(
    ("model_name", "name"),
    [
        ("Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz", "sandy-bridge"),
        ("Intel(R) Xeon(R) CPU E3-1240 V2 @ 3.40GHz", "ivy-bridge"),
        ("Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz", "haswell"),
        ("Intel(R) Xeon(R) CPU E7-8890 v4 @ 2.20GHz", "broadwell"),
        ("Intel(R) Xeon(R) CPU E3-1505M v5 @ 2.80GHz", "skylake-client"),
        ("Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", "skylake-server"),
        ("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", "cascade-lake"),
        ("Intel(R) Xeon(R) Silver 4314 CPU @ 2.40GHz", "ice-lake"),
        ("Intel(R) Xeon(R) Platinum 8488C", "sapphire-rapids"),
        ("Intel(R) Xeon(R) Gold 6530", "emerald-rapids"),
        ("Intel(R) Xeon(R) 6972P", "granite-rapids"),
        ("Intel(R) Xeon(R) 6780E", None),
        ("Intel(R) Xeon(R) E-2288G CPU @ 3.70GHz", "coffee-lake"),
        ("Intel(R) Xeon(R) W-2245 CPU @ 3.90GHz", "cascade-lake"),
        ("Intel(R) Xeon(R) CPU D-1541 @ 2.10GHz", "broadwell"),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", None),
        ("Intel(R) Core(TM) i7-2600 CPU @ 3.40GHz", "sandy-bridge"),
        ("Intel(R) Core(TM) i5-6500 CPU @ 3.20GHz", "skylake-client"),
        ("Intel(R) Core(TM) i9-10900K CPU @ 3.70GHz", "comet-lake"),
        ("11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz", "tiger-lake"),
        ("13th Gen Intel(R) Core(TM) i9-13900K", "raptor-lake"),
        ("Intel(R) Core(TM) Ultra 7 155H", "meteor-lake"),
        ("AMD EPYC 7551P 32-Core Processor", "zen"),
        ("AMD EPYC 7F52 16-Core Processor", "zen-2"),
        ("AMD EPYC 8024P 8-Core Processor", "zen-4"),
        ("AMD EPYC 9755 128-Core Processor", "zen-5"),
        ("AMD EPYC", None),
        ("AMD EPYC-Rome Processor", None),
        ("AMD Ryzen Threadripper 1950X 16-Core Processor", "zen"),
        ("AMD Ryzen 7 PRO 4750U with Radeon Graphics", "zen-2"),
        ("AMD Ryzen 9 7950X 16-Core Processor", "zen-4"),
        ("", None),
    ],
)
def test_where_numbers_are_hidden_the_name_says_the_generation(
    model_name: str, name: str | None
) -> None:
    assert chip_of(CpuIdentity(model_name=model_name)).name == name


def test_numbers_are_believed_before_names() -> None:
    assert chip_of(cpu("amd 25 1 | AMD EPYC 7702")).name == "zen-3"


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("intel 6 158 | Intel(R) Core(TM) i7-8700 CPU", True),
        ("intel 6 158 | Intel(R) Xeon(R) E-2124", False),
        ("amd 25 0x61 | AMD EPYC 4344P 8-Core Processor", False),
    ],
)
def test_a_personal_computer_is_told_from_a_small_server(text: str, *, personal: bool) -> None:
    identity = cpu(text)

    assert chip_of(identity).is_client
    assert is_personal(identity) is personal


def test_a_guest_with_a_made_up_name_is_nobodys_desktop() -> None:
    assert not is_personal(cpu("intel 6 60 | Intel Core Processor (Haswell)", hypervisor=True))
    assert is_personal(cpu("intel 6 142 | Intel(R) Core(TM) i7-8650U", hypervisor=True))


def test_sockets_are_counted_by_their_ids_and_not_by_the_highest() -> None:
    text = "processor : 0\nphysical id : 0\n\nprocessor : 1\nphysical id : 3\n\n"
    text += "processor : 2\nphysical id : 3\n"

    assert parse_cpuinfo(text).sockets == 2


@pytest.mark.parametrize(("siblings", "single"), [("8", True), ("16", False)])
def test_a_core_may_run_one_thread(siblings: str, *, single: bool) -> None:
    text = f"processor : 0\nsiblings : {siblings}\ncpu cores : 8\n"

    assert parse_cpuinfo(text).is_single_threaded is single


@given(st.text())
def test_any_text_is_a_cpuinfo(text: str) -> None:
    identity = parse_cpuinfo(text)

    assert identity.threads >= 0
    assert identity.sockets >= 1


@given(
    vendor_id=st.sampled_from(["", "GenuineIntel", "AuthenticAMD", "0x41", "POWER9"]),
    family=st.none() | st.integers(),
    model=st.none() | st.integers(0, 255),
    stepping=st.none() | st.integers(),
    model_name=st.text(),
)
def test_any_cpu_is_some_chip_or_none(**fields: object) -> None:
    assert chip_of(CpuIdentity(**fields)).name != ""  # type: ignore[arg-type]
