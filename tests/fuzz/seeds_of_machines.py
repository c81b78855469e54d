"""Seeds of what machines say: kernel trees, plugs, programs, BMCs, and tables of others."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

from fuzz.inputs import DEEP, DIGITS, together

Seeds = Mapping[str, bytes]


def _tree(files: Mapping[str, str]) -> bytes:
    return together(*(f"{name}\n{text}\n".encode() for name, text in files.items()))


def sysfs() -> Seeds:
    powercap, chips = "sys/class/powercap", "sys/class/hwmon"
    supply = "sys/class/power_supply"
    event = "sys/bus/event_source/devices/power"
    cpu0 = "sys/devices/system/cpu/cpu0/topology"
    rapl = {
        f"{powercap}/intel-rapl:0/name": "package-0",
        f"{powercap}/intel-rapl:0/energy_uj": "123456789",
        f"{powercap}/intel-rapl:0/max_energy_range_uj": "262143328850",
        f"{powercap}/intel-rapl:0:0/name": "dram",
        f"{powercap}/intel-rapl:0:0/energy_uj": "2345",
        f"{powercap}/intel-rapl:0:0/max_energy_range_uj": "65712999613",
        f"{powercap}/intel-rapl:1/name": "psys",
        f"{powercap}/intel-rapl:1/energy_uj": "1",
        f"+{powercap}/intel-rapl:0/energy_uj": "123556789",
        f"+{powercap}/intel-rapl:0:0/energy_uj": "1",
        "proc/cpuinfo": "vendor_id\t: GenuineIntel",
    }
    dies = {
        f"{powercap}/intel-rapl:{n}/{name}": value
        for n in range(2)
        for name, value in (("name", f"package-0-die-{n}"), ("energy_uj", "5000000000"))
    }
    hwmon = {
        f"{chips}/hwmon0/name": "ina3221",
        f"{chips}/hwmon0/in1_label": "VDD_IN",
        f"{chips}/hwmon0/in1_input": "5000",
        f"{chips}/hwmon0/curr1_input": "1200",
        f"{chips}/hwmon1/name": "amdgpu",
        f"{chips}/hwmon1/power1_average": "21000000",
        f"{chips}/hwmon1/power1_label": "PPT",
        f"{chips}/hwmon2/name": "i915",
        f"{chips}/hwmon2/energy1_input": "77",
        f"{chips}/hwmon3/name": "power_meter",
        f"{chips}/hwmon3/power1_average": "90000000",
        f"{chips}/hwmon3/power1_average_interval": "1000",
        f"{chips}/hwmon4/name": "ina226",
        f"{chips}/hwmon4/power1_input": "3000000",
        f"{chips}/hwmon4/device": "-> ../hwmon3",
    }
    batteries = {
        f"{supply}/BAT0/type": "Battery",
        f"{supply}/BAT0/status": "Discharging",
        f"{supply}/BAT0/present": "1",
        f"{supply}/BAT0/power_now": "7000000",
        f"{supply}/BAT1/type": "Battery",
        f"{supply}/BAT1/status": "Discharging",
        f"{supply}/BAT1/charge_now": "3000000",
        f"{supply}/BAT1/voltage_now": "12000000",
        f"{supply}/BAT1/energy_now": "30000000",
        f"{supply}/AC/type": "Mains",
        f"{supply}/AC/online": "0",
        f"+{supply}/BAT0/power_now": "8000000",
        f"+{supply}/BAT1/energy_now": "29000000",
    }
    perf = {
        f"{event}/type": "23",
        f"{event}/cpumask": "0,2-3",
        f"{event}/events/energy-pkg": "event=0x02",
        f"{event}/events/energy-pkg.scale": "2.3283064365386962890625e-10",
        f"{event}/events/energy-pkg.unit": "Joules",
        f"{cpu0}/physical_package_id": "0",
        f"{cpu0}/die_id": "0",
    }
    digits = {
        f"{powercap}/intel-rapl:0/name": "package-0",
        f"{powercap}/intel-rapl:0/energy_uj": "1",
        f"{powercap}/intel-rapl:0/max_energy_range_uj": DIGITS.decode(),
    }
    trees = {
        "digits": digits,
        "rapl": rapl,
        "dies": dies,
        "hwmon": hwmon,
        "batteries": batteries,
        "perf": perf,
    }
    return {name: _tree(files) for name, files in trees.items()}


def procfs() -> Seeds:
    short, long = "1a2b3c4d5e6f", "1a2b3c4d5e6f" * 5 + "1a2b"
    numbers = " ".join(["0"] * 15)
    host = {
        "proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n"
        "model\t: 85\nmodel name\t: Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz\nstepping\t: 7\n"
        "flags\t: fpu hypervisor\nsiblings\t: 2\ncpu cores\t: 1\n",
        "proc/stat": "cpu  10 2 3 400 5 6 7 8 0 0\ncpu0 10 2 3 400 5 6 7 8 0 0\nbtime 1750000000",
        "proc/7/stat": f"7 (web (1)) S 1 7 7 0 -1 4194560 1 0 0 0 9 4 0 0 20 0 1 0 88 {numbers}",
        "proc/net/dev": "Inter-|\n face |\n  eth0: 100 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0",
        "proc/net/route": "Iface\tDestination\neth0\t00000000\t",
        "sys/class/net/eth0/device/x": "1",
        "proc/sys/kernel/perf_event_paranoid": "-1",
        "+proc/stat": "cpu  20 2 3 450 5 6 7 8 0 0\ncpu0 20 2 3 450 5 6 7 8 0 0",
        "+proc/net/dev": "Inter-|\n face |\n  eth0: 300 1 0 0 0 0 0 0 90 2 0 0 0 0 0 0",
        "sys/class/dmi/id/sys_vendor": "Amazon EC2",
        "sys/class/dmi/id/product_name": "m5.large",
        "sys/class/dmi/id/chassis_type": "9",
    }
    pod = "kubepods-pod01234567_89ab_cdef_0123_456789abcdef.slice"
    groups = {
        "sys/fs/cgroup/cgroup.controllers": "cpu memory",
        "sys/fs/cgroup/system.slice/cpu.stat": "usage_usec 10\n",
        "sys/fs/cgroup/system.slice/cron.service/cpu.stat": "usage_usec 4\n",
        f"sys/fs/cgroup/system.slice/docker-{long}.scope/cpu.stat": "usage_usec 5\n",
        f"sys/fs/cgroup/kubepods.slice/{pod}/cpu.stat": "usage_usec 9\n",
        "sys/fs/cgroup/kubepods.slice/cpu.stat": "usage_usec 9\n",
        f"var/lib/docker/containers/{long}/config.v2.json": '{"Name": "/web"}',
        "var/lib/containers/storage/overlay-containers/containers.json": json.dumps(
            [{"id": long, "names": [f"web-{short}"]}]
        ),
        "var/log/pods/shop_web_01234567-89ab-cdef-0123-456789abcdef/x": "1",
        "proc/cgroup": "/system.slice/cron.service\n"
        "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope\n"
        f"/../kubepods.slice/{pod}/cri-containerd-{long}.scope\n/user.slice/user-1.slice",
    }
    many = DIGITS.decode()
    digits = {
        "proc/cpuinfo": f"processor\t: 0\nmodel\t: {many}\n",
        "proc/stat": f"cpu  {many} 2 3 400\ncpu0 1 2 3 4\n",
        "proc/net/dev": f"a\nb\n  eth0: {many[:4_000]} 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0",
    }
    digits["proc/sys/kernel/perf_event_paranoid"] = "²"  # a digit that is no number
    return {"host": _tree(host), "groups": _tree(groups), "digits": _tree(digits)}


def answers() -> Seeds:
    shelly = b'{"id":0,"apower":41.2,"aenergy":{"total":6532.861},"errors":[]}'
    http = b"HTTP/1.0 200 OK\r\nContent-Length: 20\r\n\r\n" + b'{"power_watts": 4.5}'
    name = "Package0".encode("utf-16-le") + b"\0\0"
    channel = struct.pack("<IH", 0, len(name)) + name
    emi = struct.pack("<32s32sHH", b"", b"", 1, 2) + channel + channel
    return {
        "shelly": together(shelly, http),
        "ours": b'{"energy_joules_total": 123.5, "wraps_at_joules": 262143}',
        "plug": b'{"meters":[{"power":1.5,"is_valid":true,"total":1234}]}',
        "tasmota": b'{"StatusSNS":{"ENERGY":{"Power":33,"Total":1.2}}}',
        "ipmi": b"\n    Instantaneous power reading:                   220 Watts\n"
        b"    Power reading state is:                   activated\n",
        "pi": b"  3V7_WL_SW_A current(0)=0.10149570A\n  3V7_WL_SW_V volt(8)=3.69941500V\n",
        "mac": b"*** Sampled system activity (x)\nCPU Power: 12 mW\n"
        b"Combined Power (CPU + GPU + ANE): 45 mW\n",
        "emi": emi,
        "deep": DEEP,
        "digits": b'{"power_watts": ' + DIGITS + b"}",
        "where": together(b"http://user:secret@plug:8080/status?id=1", b"file:///run/meter"),
    }


def redfish() -> Seeds:
    environment = b'{"PowerWatts":{"Reading":374.5},"EnergykWh":{"Reading":12.34567}}'
    later = b'{"PowerWatts":{"Reading":380},"EnergykWh":{"Reading":12.35000}}'
    control = b'{"PowerControl":[{"PowerConsumedWatts":120,"Status":{"State":"Enabled"}}]}'
    supply = b'{"InputPowerWatts":{"Reading":60.5},"Status":{"State":"Enabled"}}'
    links = (
        b'{"Members":[{"@odata.id":"/redfish/v1/Chassis/1"}],"Chassis":{"@odata.id":"/redfish"}}'
    )
    return {
        "environment": together(environment, later),
        "control": control,
        "supply": supply,
        "empty": b'{"PowerControl":[],"Members":[],"PowerWatts":{},"EnergykWh":null}',
        "deep": DEEP,
        "digits": b'{"PowerWatts":{"Reading":' + DIGITS + b"}}",
        "far": b'{"PowerWatts":{"Reading":1e999999999},"EnergykWh":{"Reading":1.2345e-999999999}}',
        "links": together(links, environment),
    }


def annual_csv() -> Seeds:
    header = (
        "zone_id,level,parent_zone,name,iso2,iso3,grams_per_kilowatt_hour,year,signal,scope,"
        "boundary,losses,gases,source,dataset_version,licence_class,flags\n"
    )
    world = (
        "WORLD,world,,World,,,472.94,2024,average,lifecycle,production,busbar,CO2e,ember_yearly,"
        "v1,cc_by,\n"
    )
    france = (
        "FR,country,WORLD,France,FR,FRA,44.18,2024,average,lifecycle,production,busbar,CO2e,"
        "ember_yearly,v1,cc_by,\n"
    )
    return {"two": (header + world + france).encode()}
