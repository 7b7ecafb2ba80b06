"""What the machine costs, running, stopped and destroyed, estimated from prices.toml beside this file.

cost.py [name=value …]      settings of terraform.tfvars in their place: preset=a100 spot=false data_disk_gb=500 …;
                            hours=160 is how long it runs in a month
"""

import re
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - a laptop's own Python may be older
    print("make cost needs Python 3.11 or newer: give one by PYTHON=…", file=sys.stderr)
    sys.exit(2)

import tomllib
from pathlib import Path
from typing import Any

from settings import settings

HERE = Path(__file__).parent


def estimate(chosen: dict[str, str], prices: dict[str, Any]) -> dict[str, float]:
    """The dollars of an hour of running, and of a month running for `hours`, running throughout, stopped, destroyed."""
    machine, disk, nat = prices["machine"][chosen["preset"]], prices["disk"], prices["nat"]
    kind = "spot" if chosen["spot"] == "true" else "on_demand"
    local_ssds = int(chosen["local_ssd_count"]) + machine.get("local_ssds", 0)
    month = prices["hours_a_month"]
    scratch = local_ssds * disk["local_ssd_gb"] * disk["local_ssd"] / month
    hour = machine[kind] + scratch + nat["gateway_hour"] + nat["address_hour"]
    data = int(chosen["data_disk_gb"]) * disk["data"]
    kept = data + int(chosen["boot_disk_gb"]) * disk["boot"]
    used = float(chosen["hours"]) * hour + kept
    return {"hour": hour, "used": used, "always": month * hour + kept, "stopped": kept, "destroyed": data}


def report(chosen: dict[str, str], prices: dict[str, Any]) -> str:
    """The estimate in words."""
    costs = estimate(chosen, prices)
    kind = "spot" if chosen["spot"] == "true" else "on demand"
    region = chosen.get("region", prices["regions"][0])
    rows = {
        "running, an hour": costs["hour"],
        f"a month with {chosen['hours']} hours of running": costs["used"],
        "a month of running throughout": costs["always"],
        f"a month stopped: disks of {chosen['boot_disk_gb']} and {chosen['data_disk_gb']} GB": costs["stopped"],
        "a month destroyed: the data disk stays": costs["destroyed"],
    }
    return "\n".join(
        [
            f"An estimate in US dollars for {chosen['preset']} ({kind}). The prices were written down on "
            f"{prices['as_of']} from",
            f"{prices['source']}, for {', '.join(prices['regions'])}.",
            *([] if region in prices["regions"] else [f"Your region {region} is none of these; its prices differ."]),
            "",
            *(f"{what:48} {dollars:9.2f}" for what, dollars in rows.items()),
            "",
            f"Stopping (make vm-stop) saves {costs['hour']:.2f} an hour. Destroying (make vm-destroy) saves "
            f"{costs['stopped'] - costs['destroyed']:.2f} a month more.",
            f"Left out: {prices['nat']['gb']} for each GB through the NAT gateway, its address while nothing runs,",
            "traffic out of Google, buckets, taxes, discounts.",
        ]
    )


def refused(chosen: dict[str, str], prices: dict[str, Any]) -> str | None:
    """Why there is no estimate of these settings, in one line, or None."""
    machines = prices["machine"]
    if chosen["preset"] not in machines:
        return f"preset={chosen['preset']}: is none of {', '.join(machines)}"
    if chosen["spot"] != "true" and "on_demand" not in machines[chosen["preset"]]:
        return f"spot={chosen['spot']}: {chosen['preset']} can be had as a spot machine only"
    for name in ("boot_disk_gb", "data_disk_gb", "local_ssd_count", "hours"):
        if not re.fullmatch(r"[0-9]{1,6}", chosen[name]):
            return f"{name}={chosen[name]}: give a whole number"
    return None


def main(words: list[str]) -> int:
    """Prints the estimate; 2 where the settings do not fit."""
    prices = tomllib.loads((HERE / "prices.toml").read_text())
    known = {"hours": "160"} | settings(HERE.parent)
    given = dict(word.partition("=")[::2] for word in words)
    unknown = sorted(set(given) - set(known) - {"region"})
    problem = f"{unknown[0]}: is no setting; give name=value, as preset=a100" if unknown else None
    problem = problem or refused(known | given, prices)
    print(problem or report(known | given, prices), file=sys.stderr if problem else sys.stdout)
    return 2 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
