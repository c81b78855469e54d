"""A Raspberry Pi's power management chip, as vcgencmd prints it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_programs import printing, write_program
from wattgram.readings import Quality, State
from wattgram_agent.composition import compose
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Scope,
    SourceUnavailableError,
)
from wattgram_agent.sources import raspberry_pi
from wattgram_agent.sources.raspberry_pi import MalformedError, parse_power

BOARD = Point("raspberry_pi", "board", "0")
PMIC = Point("raspberry_pi", "pmic", "0")

RAILS = {
    "3V7_WL_SW": ("0.05000000", "3.70000000"),
    "3V3_SYS": ("0.06000000", "3.30000000"),
    "1V8_SYS": ("0.16000000", "1.80000000"),
    "DDR_VDD2": ("0.01000000", "1.10000000"),
    "DDR_VDDQ": ("0.00000000", "0.60000000"),
    "1V1_SYS": ("0.18000000", "1.10000000"),
    "0V8_SW": ("0.32000000", "0.80000000"),
    "VDD_CORE": ("1.87654321", "0.72097620"),
    "3V3_DAC": ("0.00036630", "3.30000000"),
    "3V3_ADC": ("0.00042735", "3.30000000"),
    "0V8_AON": ("0.00500000", "0.80000000"),
    "HDMI": ("0.01400000", "5.10000000"),
}


def printed(rails: dict[str, tuple[str, str]] | None = None) -> str:
    """Return what the board prints: currents, voltages, and two voltages without a current."""
    rails = RAILS if rails is None else rails
    lines = [f"{name}_A current({n})={amps}A" for n, (name, (amps, _)) in enumerate(rails.items())]
    lines += [f"{name}_V volt({n})={volts}V" for n, (name, (_, volts)) in enumerate(rails.items())]
    lines += ["EXT5V_V volt(24)=5.11000000V", "BATT_V volt(25)=0.00000000V"]
    return "".join(f"{line:>40}\n" for line in lines)


class Pi:
    """A board with a device tree, and with a vcgencmd if one is installed."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        self.paths = HostPaths(sysfs=root / "sys", procfs=root / "proc")

    def is_model(self, model: bytes, *, in_sysfs: bool = False) -> None:
        path = self.paths.procfs / "device-tree"
        if in_sysfs:
            path = self.paths.sysfs / "firmware" / "devicetree" / "base"
        path.mkdir(parents=True, exist_ok=True)
        (path / "model").write_bytes(model)

    def prints(self, text: str, then: str = "") -> None:
        write_program(self.bin, "vcgencmd", f'[ "$*" = pmic_read_adc ] || exit 9\n'
                      f"{printing(text)}\n{then}")  # fmt: skip

    def unavailable(self) -> SourceUnavailableError:
        with pytest.raises(SourceUnavailableError) as caught:
            raspberry_pi.discover(self.paths)
        return caught.value


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pi:
    pi = Pi(tmp_path)
    pi.is_model(b"Raspberry Pi 5 Model B Rev 1.0\0")
    monkeypatch.setenv("PATH", str(pi.bin))
    return pi


def exact_rails() -> Decimal:
    return sum((Decimal(amps) * Decimal(volts) for amps, volts in RAILS.values()), Decimal(0))


def test_the_rails_are_the_sum_of_twelve_products_exactly() -> None:
    assert parse_power(printed()).rails == round(exact_rails() * 1_000_000)


def test_the_board_is_the_published_fit_of_the_rails() -> None:
    board = Decimal("1.1451") * exact_rails() + Decimal("0.5879")

    assert parse_power(printed()).board == round(board * 1_000_000)


def test_a_rail_without_current_is_a_rail() -> None:
    assert RAILS["DDR_VDDQ"][0] == "0.00000000"
    assert parse_power(printed()).rails > 0


def test_more_rails_are_summed_too() -> None:
    more = printed(RAILS | {"NEW_RAIL": ("1.00000000", "2.00000000")})

    assert parse_power(more).rails == parse_power(printed()).rails + 2_000_000


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (printed().replace("HDMI_V volt", "HDMX_V volt"), "a current without a voltage: HDMI"),
        (printed({k: v for k, v in RAILS.items() if k != "HDMI"}), "11 rails of 12"),
        (printed() + "HDMI_A current(22)=0.01000000A\n", "HDMI comes twice"),
        (printed() + "HDMI_V volt(22)=5.01000000V\n", "HDMI comes twice"),
        (printed().replace("0.01400000A", "-0.0140000A"), "no rail: 'HDMI_A current"),
        (printed().replace("0.01400000A", "nanA"), "no rail: 'HDMI_A current"),
        (printed().replace("0.01400000A", "0.01400000V"), "no rail: 'HDMI_A current"),
        (printed()[:-5], "no rail: 'BATT_V"),
        ('error=1 error_msg="Command not registered"\n', "no rail: 'error=1"),
        ("", "0 rails of 12"),
    ],
)
def test_what_is_not_all_rails_is_no_power(text: str, why: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_power(text)

    assert why in str(caught.value)


def test_captured_output(shared: Path) -> None:
    text = json.loads((shared / "fixtures" / "synthetic_trees.json").read_text())["text"]

    power = parse_power(text["rpi5_pmic_read_adc_idle.txt"])

    assert power.rails == 2_052_792
    assert power.board == 2_938_552


@pytest.mark.parametrize("in_sysfs", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        b"Raspberry Pi 5 Model B Rev 1.0\0",
        b"Raspberry Pi 500 Rev 1.0\0",
        b"Raspberry Pi 500+ Rev 1.0",
        b"Raspberry Pi Compute Module 5 Rev 1.0\0",
        b"Raspberry Pi Compute Module 5 Lite Rev 1.0\0",
    ],
)
def test_the_fifth_generation_has_the_chip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: bytes, *, in_sysfs: bool
) -> None:
    pi = Pi(tmp_path)
    monkeypatch.setenv("PATH", str(pi.bin))
    pi.is_model(model, in_sysfs=in_sysfs)
    pi.prints(printed())

    board, _ = raspberry_pi.discover(pi.paths).zones()

    assert board.location.startswith(model.decode().rstrip("\0") + ":")


@pytest.mark.parametrize(
    "model",
    [
        b"Raspberry Pi 4 Model B Rev 1.4\0",
        b"Raspberry Pi 400 Rev 1.0\0",
        b"Raspberry Pi Compute Module 4 Rev 1.1\0",
        b"Raspberry Pi Zero 2 W Rev 1.0\0",
        b"Raspberry Pi Model B Plus Rev 1.2\0",
        b"Raspberry Pi 55 Model X\0",
    ],
)
def test_an_older_board_is_left_to_the_model(pi: Pi, model: bytes) -> None:
    pi.is_model(model)
    pi.prints(printed())

    error = pi.unavailable()

    assert error.state is State.ABSENT
    assert error.reason == "no current sensing on this board: the model is used"


@pytest.mark.parametrize("model", [b"", b"\0", b"NVIDIA Jetson Nano", b"\xff\xfe", b"x" * 9_000])
def test_another_machine_is_no_raspberry_pi(pi: Pi, model: bytes) -> None:
    pi.is_model(model)

    error = pi.unavailable()

    assert (error.state, error.reason, error.fix) == (State.ABSENT, "not a Raspberry Pi", "")


def test_a_machine_without_a_device_tree_is_no_raspberry_pi(pi: Pi) -> None:
    (pi.paths.procfs / "device-tree" / "model").unlink()

    assert pi.unavailable().reason == "not a Raspberry Pi"


def test_the_board_is_a_modelled_host_and_the_rails_are_measured_inside_it(pi: Pi) -> None:
    pi.prints(printed())
    source = raspberry_pi.discover(pi.paths)
    board, rails = source.zones()

    assert (board.point, board.scope, board.quality) == (BOARD, Scope.HOST, Quality.MODELLED)
    assert (rails.point, rails.scope, rails.quality) == (PMIC, Scope.PART, Quality.MEASURED)
    assert "5 V" in rails.refusal
    assert [decision.counted for decision in compose(source.zones())] == [True, False]
    assert source.may_block
    assert source.period_seconds == 5.0


def test_one_call_gives_both(pi: Pi) -> None:
    pi.prints(printed())
    source = raspberry_pi.discover(pi.paths)
    power = parse_power(printed())

    assert source.sample() == [
        GaugeSample(BOARD, power.board, averaged=False),
        GaugeSample(PMIC, power.rails, averaged=False),
    ]
    source.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "unreadable"),
        (printed({name: ("0.00000000", volts) for name, (_, volts) in RAILS.items()}),
         "implausible"),
        (printed(RAILS | {"VDD_CORE": ("150.00000000", "0.90000000")}), "implausible"),
        ("VCHI initialization failed\n", "permission_denied"),
    ],
)  # fmt: skip
def test_what_is_no_power_fails_both_zones(pi: Pi, text: str, reason: str) -> None:
    pi.prints(printed())
    source = raspberry_pi.discover(pi.paths)
    pi.prints(text)

    samples = source.sample()

    assert [sample.point for sample in samples] == [BOARD, PMIC]
    assert all(isinstance(s, FailedSample) and s.reason == reason for s in samples)


def test_no_vcgencmd_says_what_to_install(pi: Pi) -> None:
    error = pi.unavailable()

    assert error.state is State.ABSENT
    assert error.fix == "apt install raspi-utils"


@pytest.mark.parametrize("then", ["", "exit 255"])
@pytest.mark.parametrize(
    "text",
    [
        "Can't open device file: /dev/vcio\nTry creating a device file with: sudo mknod …\n",
        "VCHI initialization failed\n",
        "open: Permission denied\n",
    ],
)
def test_who_is_not_in_the_group_video_is_told(pi: Pi, text: str, then: str) -> None:
    pi.prints(text, then)
    error = pi.unavailable()

    if then or "Permission" not in text:
        assert error.state is State.PERMISSION_DENIED
        assert "SupplementaryGroups=video" in error.fix


def test_malformed_output_is_an_error(pi: Pi) -> None:
    pi.prints(printed()[:300])

    error = pi.unavailable()

    assert error.state is State.ERROR
    assert error.reason.startswith("vcgencmd pmic_read_adc: ")


@given(text=st.text() | st.binary().map(lambda raw: raw.decode(errors="replace")))
def test_no_text_raises_anything_else(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_power(text)


@given(lines=st.lists(st.sampled_from(printed().splitlines()), max_size=40))
def test_some_lines_in_some_order_are_all_rails_or_nothing(lines: list[str]) -> None:
    try:
        power = parse_power("\n".join(lines))
    except MalformedError:
        return
    assert power == parse_power(printed())
