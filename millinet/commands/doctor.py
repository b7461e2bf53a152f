"""Say on one screen whether this machine is fit to measure."""

from millinet.console import Console
from millinet.latency.fitness import Fitness, check_fitness
from millinet.latency.settings import LatencySettings
from millinet.options import Device, Threads
from millinet.provenance import commit, versions


def doctor(
    *,
    device: Device = None,
    threads: Threads = 1,
) -> int:
    """Measure a network against its own copy and report what stands in the way.

    Returns 0 where verdicts are worth having now, 1 where they are not.
    """
    found = check_fitness(device, LatencySettings(threads=threads))
    console = Console()
    for line in _lines(found):
        console.print(line)
    return 0 if found.is_fit else 1


def _lines(found: Fitness) -> list[str]:
    info, same = found.device, found.same
    recorded = versions()
    clock = "" if info.clock_mhz is None else f" at {info.clock_mhz:.0f} MHz"
    lines = [
        f"device      {info.device}: {info.name}{clock}, {info.instructions}",
        f"driver      {info.driver or 'none'}",
        f"threads     {same.device.threads} of {info.cores} usable cores",
        f"versions    millinet {commit()}, torch {recorded['torch']}, python {recorded['python']}",
        f"noise       {found.noise:.2%} from one visit to the next",
        f"A/A ratio   {same.ratio:.3f}, interval {same.ratio_low:.3f} to {same.ratio_high:.3f}",
        f"calm calls  {same.share_undisturbed:.0%} of {same.num_calls}, status {same.status}",
    ]
    if found.gpu is not None:
        lines.append(f"gpu         {found.gpu.power_watts or '?'} W, {found.gpu.temperature_c or '?'} C")
    lines += [f"hindrance   {text}" for text in found.hindrances]
    verdict = "fit to measure" if found.is_fit else "not fit to measure now"
    return [*lines, f"verdict     {verdict}"]
