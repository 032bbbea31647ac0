"""What is measured, one function per area. Each gives its measurements by name; bars.py looks
figures up by these names and by the rows' names."""
import contextlib
import dataclasses
import http.client
import json

from . import clients, counts, peers, servers, watching
from .clients import Job
from .outputs import NoFigure
from .process import raise_fd_limit
from .rounds import Turn, measure
from .tables import CPU, INSTRUCTIONS, MEMORY, RATE, SYSCALLS, Column, ratio

AGAINST_WRK = [ratio(RATE, "× wrk"), ratio(CPU, "CPU × wrk")]
PARTS_OF_CEILING = (10, 50, 90)  # percent
OPEN_RATES = (2_000, 10_000, 50_000, 100_000)
MANY = 10_000
SCALE = (64, 256, 1_000, 4_000, MANY)
SPARE_FDS = 200
WATCHED = (1_000, MANY)
WARM_UP_S = 1


def static(bench):
    """A small answer of the cheap server: the client is what limits."""
    with servers.cheap(bench.programs["cheap_server"]) as port:
        few = _turns(Job(port, 64, bench.seconds), [
            clients.loadline(bench.programs["loadline"]), clients.wrk(), clients.floor(bench.programs["floor_client"]),
            clients.ab(), clients.h2load(), clients.hey()])
        more = _turns(Job(port, 256, bench.seconds), [
            clients.loadline(bench.programs["loadline"]), clients.wrk(), clients.floor(bench.programs["floor_client"])])
        counted = [SYSCALLS, *([INSTRUCTIONS] if bench.instructions else [])]
        of_64 = measure("Static GET, cheap server, 64 connections", few, [RATE, CPU, *AGAINST_WRK, MEMORY, *counted],
                        bench.rounds, _all_against("wrk", few))
        counts.add_syscalls(of_64, few)
        if bench.instructions:
            counts.add_instructions(of_64, few, {"loadline", "raw epoll"})
        of_256 = measure("Static GET, cheap server, 256 connections", more, [RATE, CPU, *AGAINST_WRK, MEMORY],
                         bench.rounds, _all_against("wrk", more))
    return {"static-64": of_64, "static-256": of_256}


def nginx(bench):
    """A small answer of nginx: the server is what limits."""
    with servers.nginx() as port:
        turns = _turns(Job(port, 64, bench.seconds), [
            clients.loadline(bench.programs["loadline"]), clients.wrk(), clients.floor(bench.programs["floor_client"])])
        result = measure("Static GET, nginx, 64 connections", turns, [RATE, CPU, *AGAINST_WRK],
                         bench.rounds, _all_against("wrk", turns))
    return {"nginx": result}


def mix(bench):
    """Log in once, bet with token and JSON body, check the status, read a field."""
    with servers.cheap(bench.programs["cheap_server"]) as port:
        program = bench.programs["loadline"]
        turns = _turns(Job(port, 64, bench.seconds), [
            clients.loadline_mix(program), clients.loadline(program, "loadline, static GET"),
            clients.wrk_mix(_log_in(port)), _k6_mix()])
        result = measure("Mission mix, cheap server, 64 connections", turns, [
            RATE, CPU, ratio(RATE, "× loadline's mix"), ratio(CPU, "CPU × loadline's mix"), MEMORY],
            bench.rounds, _all_against("loadline", turns))
    return {"mix": result}


def lag(bench):
    """How late requests leave in open loop. Windows of 10 ms: the median of their p99."""
    program = bench.programs["loadline"]
    with servers.cheap(bench.programs["cheap_server"]) as port:
        turns = _turns(Job(port, 64, bench.seconds), [
            clients.loadline(program, "closed loop"), *(clients.loadline_open(program, rate) for rate in OPEN_RATES)])
        result = measure("Open loop, cheap server, 64 connections", turns, [
            dataclasses.replace(RATE, title="answered/s"), ratio(RATE, "of the closed loop"),
            Column("send lag p99, median window, µs", "lag_p99_us", ",.1f"),
            Column("p99 of the worst second, µs", "lag_worst_us", ",.0f"), Column("cores", "cores", ".2f")],
            bench.rounds, _all_against("closed loop", turns))
    no_schedule = NoFigure("a closed loop has no schedule to be late for")
    result.once["closed loop"] = {"lag_p99_us": no_schedule, "lag_worst_us": no_schedule}
    result.notes.append("Windows of 10 ms. CPU is that of the whole process, start and report included.")
    return {"lag": result}


def deferral(bench):
    """What starting the reads after all sends adds to `done`."""
    with servers.cheap(bench.programs["cheap_server"]) as port:
        turns = _turns(Job(port, 64, bench.seconds), [
            clients.deferral(bench.programs["deferral_client"], percent) for percent in PARTS_OF_CEILING])
        result = measure("Deferred reads, cheap server, 64 connections, open loop", turns, [
            RATE, Column("service time p50, deferred, µs", "deferred_p50_us", ",.1f"),
            Column("immediate, µs", "immediate_p50_us", ",.1f"), Column("added, µs", "added_us", ",.1f")],
            bench.rounds)
    result.notes.append("Rows: part of the rate of a closed loop. Poisson arrivals.")
    return {"deferral": result}


def redis(bench):
    """GET of one key, 50 connections."""
    results = {}
    with servers.redis() as port:
        for pipeline in (1, 16):
            requests = _requests_for(Job(port, 50, bench.seconds), pipeline)
            turns = _turns(Job(port, 50, bench.seconds), [
                clients.loadline_redis(bench.programs["loadline"], pipeline),
                clients.redis_benchmark(pipeline, requests)])
            results[f"redis-{pipeline}"] = measure(
                f"Redis GET, 50 connections, {pipeline} in flight", turns,
                [RATE, CPU, ratio(RATE, "× redis-benchmark"), ratio(CPU, "CPU × redis-benchmark")],
                bench.rounds, _all_against("redis-benchmark", turns))
    return results


def memory(bench):
    """The most memory a client holds with 10 000 connections."""
    with servers.cheap(bench.programs["cheap_server"]) as port:
        turns = _turns(Job(port, MANY, 2 * bench.seconds), [
            clients.loadline_connected(bench.programs["loadline"]), clients.wrk(), clients.h2load(), clients.hey()])
        result = measure(f"Memory, cheap server, {MANY} connections", turns, [MEMORY, RATE, CPU],
                         bench.few_rounds)
    return {"memory": result}


def scale(bench):
    """How cost grows with the number of connections."""
    turns, against = [], {}
    with servers.cheap(bench.programs["cheap_server"]) as port:
        for client in (clients.loadline(bench.programs["loadline"]), clients.wrk(),
                       clients.floor(bench.programs["floor_client"])):
            for connections in SCALE:
                row = f"{client.name}, {connections}"
                turns += _turns(Job(port, connections, 2 * bench.seconds), [dataclasses.replace(client, name=row)])
                against[row] = f"{client.name}, {SCALE[0]}"
        result = measure(f"From {SCALE[0]} to {MANY} connections, cheap server", turns, [
            RATE, CPU, ratio(RATE, f"× its own at {SCALE[0]}"), ratio(CPU, f"CPU × its own at {SCALE[0]}")],
            bench.few_rounds, against)
    result.notes.append("Runs are twice as long here, because opening the connections is part of each.")
    return {"scale": result}


def watch(bench):
    """What watching the server's sockets takes, four times a second or as often as the cost allows."""
    results, not_at_will = {}, NoFigure("it runs once, when it is asked to")
    for count in WATCHED:
        if 3 * count // 2 + SPARE_FDS > raise_fd_limit():
            reason = NoFigure(f"{count} connections need more than the files of ulimit -Hn")
            turns = [Turn(clients.Absent(name, reason), None) for name in ("loadline watch", "ss -tanp")]
            server = contextlib.nullcontext()
        else:
            turns = [Turn(client, None) for client in (watching.Watch(bench.programs["loadline"]), watching.Ss())]
            server = watching.watched(count)
        with server as port:
            turns = [dataclasses.replace(turn, job=Job(port, count, 2 * bench.seconds)) for turn in turns]
            result = measure(f"Watching {count} sockets, half of them in CLOSE_WAIT", turns, [
                dataclasses.replace(RATE, title="samples/s", form=".2f"),
                Column("CPU ms/sample", "cpu_ms_per_sample", ",.2f"),
                Column("CPU × ss -tanp", "cpu_ms_per_sample", ".3f", ratio=True),
                Column("% of a core", "core_percent", ".2f")], bench.few_rounds, _all_against("ss -tanp", turns))
        result.once["ss -tanp"] = {"core_percent": not_at_will}
        results[f"watch-{count}"] = result
    result.notes.append("The client's ends of the connections are on the same machine: ss shows both.")
    return results


ALL = {area.__name__: area for area in (static, nginx, mix, lag, deferral, redis, memory, scale, watch)}


def _turns(job, wanted):
    """One turn per client; without a figure when this machine allows too few connections."""
    limit = raise_fd_limit()
    if job.connections + SPARE_FDS > limit:
        reason = NoFigure(f"{job.connections} connections need more than the {limit} files of ulimit -Hn")
        wanted = [clients.Absent(client.name, reason) for client in wanted]
    return [Turn(client, job) for client in wanted]


def _all_against(row, turns):
    return {turn.row: row for turn in turns}


def _log_in(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/login", json.dumps({"name": "viewer", "password": "secret"}))
    token = json.load(connection.getresponse())["accessToken"]
    connection.close()
    return token


def _k6_mix():
    try:
        return clients.k6_mix(peers.k6())
    except NoFigure as reason:
        return clients.Absent("k6", reason)


def _requests_for(job, pipeline):
    """How many requests redis-benchmark makes in about the job's time."""
    probe = 100_000
    try:
        return int(clients.redis_benchmark(pipeline, probe).run(job)["rate_per_s"] * job.seconds)
    except NoFigure:
        return probe  # the rounds will say why
