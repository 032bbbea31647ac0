#include <fmt/format.h>

#include <algorithm>

#include "plan/compile_context.hpp"

// What is watched beside the load: the sockets of a port, and the probes of the kubelet.
namespace loadline {
namespace {

using Kind = KubeletProbeKind;

constexpr const char* forms =
    R"(write "service/healthz/live", or {"httpGet": "service/healthz/live", "periodSeconds": 5})";

void compile_port(CompileContext& context, const Node& watch) {
    const auto port = watch.at("port");
    if (!port.is_number()) return;
    const auto number = port.whole();
    if (!number || *number < 1 || *number > 65535) {
        return context.problem(
            port, fmt::format("port {} is not between 1 and 65535", port.json->dump()));
    }
    context.plan.judge_sockets = watch.at("close_wait").boolean().value_or(true);
    context.plan.watch_port = static_cast<std::uint16_t>(*number);
    for (const auto& [from, to] : context.moved_ports) {  // --target moved what is watched
        if (from == *number) context.plan.watch_port = to;
    }
}

/// The URL of a target by its name; a problem and nothing where there is none.
std::optional<Url> target_url(CompileContext& context, const Node& at, std::string_view name) {
    const auto& targets = context.plan.targets;
    const auto found = std::find_if(targets.begin(), targets.end(),
                                    [&](const TargetPlan& target) { return target.name == name; });
    if (found != targets.end()) return found->url;
    context.target(at, name, false);  // says which there are
    return {};
}

void compile_tcp(CompileContext& context, const Node& at, KubeletProbe& probe) {
    if (at.text() == nullptr) return;
    probe.tcp = true;
    if (at.text()->find('/') != std::string::npos) {
        return context.problem(at, "a TCP probe only connects, and has no path",
                               "write the name of a target alone");
    }
    if (const auto url = target_url(context, at, *at.text())) probe.url = *url;
}

void compile_get(CompileContext& context, const Node& at, KubeletProbe& probe) {
    if (at.text() == nullptr) return;
    const std::string_view text = *at.text();
    const auto end = std::min(text.find_first_of("/?"), text.size());
    const auto path = text.substr(end);
    const auto wrong = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; };
    if (text.find("://") < text.find_first_of("/?")) {
        return context.problem(at, "a probe names an address instead of a target",
                               "name the address under \"targets\", and write \"service/path\"");
    }
    if (end == 0 || std::any_of(text.begin(), text.end(), wrong)) {
        return context.problem(at, fmt::format("\"{}\" is not like \"service/path\"", text),
                               "write the target and the path; the method is always GET");
    }
    if (path.find("${") != std::string_view::npos) {
        return context.problem(at, "a probe's path is fixed: it knows no variables",
                               "write the path as the pod's specification has it");
    }
    const auto url = target_url(context, at, text.substr(0, end));
    if (!url) return;
    if (url->is_redis()) {
        return context.problem(
            at,
            fmt::format("target \"{}\" is {}://, but an HTTP probe speaks HTTP",
                        text.substr(0, end), url->scheme),
            fmt::format("probe its port alone: {{\"tcpSocket\": \"{}\"}}", text.substr(0, end)),
            std::string{text.substr(0, end)});
    }
    probe.url = *url;
    auto& whole = probe.url.path;
    while (!whole.empty() && whole.back() == '/') whole.pop_back();
    if (!path.starts_with('/')) whole += '/';
    whole += path;
}

/// A whole number between two bounds; the default where there is none, or a wrong one, which is
/// told.
std::int64_t number(CompileContext& context, const Node& at, std::int64_t least, std::int64_t most,
                    std::int64_t otherwise) {
    if (!at.is_number()) return otherwise;
    const auto value = at.whole();
    if (value && *value >= least && *value <= most) return *value;
    const auto name = at.pointer.substr(at.pointer.rfind('/') + 1);
    context.problem(at, fmt::format("{} {} is not a whole number between {} and {}", name,
                                    at.json->dump(), least, most));
    return otherwise;
}

void compile_rules(CompileContext& context, const Node& at, KubeletProbe& probe) {
    const auto seconds = [&](const char* key, std::int64_t least, std::int64_t most, Duration d) {
        const auto otherwise = std::chrono::duration_cast<std::chrono::seconds>(d).count();
        return std::chrono::seconds{number(context, at.at(key), least, most, otherwise)};
    };
    probe.period = seconds("periodSeconds", 1, 3600, probe.period);
    probe.timeout = seconds("timeoutSeconds", 1, 300, probe.timeout);
    probe.initial_delay = seconds("initialDelaySeconds", 0, 3600, probe.initial_delay);
    probe.failure_threshold =
        static_cast<int>(number(context, at.at("failureThreshold"), 1, 1000, 3));
    const auto successes = at.at("successThreshold");
    probe.success_threshold = static_cast<int>(number(context, successes, 1, 1000, 1));
    if (probe.kind != Kind::readiness && probe.success_threshold > 1) {
        context.problem(successes,
                        fmt::format("successThreshold must be 1 for {}", to_string(probe.kind)),
                        "Kubernetes refuses any other; readiness may have more");
    }
}

void compile_probe(CompileContext& context, const Node& at, Kind kind) {
    KubeletProbe probe;
    probe.kind = kind;
    const auto told = context.problems.size();
    if (at.text() != nullptr) {
        compile_get(context, at, probe);
    } else if (at.is_object()) {
        const auto get = at.at("httpGet"), tcp = at.at("tcpSocket");
        if (get && tcp) {
            context.problem_about_key(tcp, "a probe is either \"httpGet\" or \"tcpSocket\"",
                                      "keep one of them");
        } else if (!get && !tcp && !at.at("exec") && !at.at("grpc")) {
            context.problem(at, "this probe says nothing to ask", forms);
        }
        get ? compile_get(context, get, probe) : compile_tcp(context, tcp, probe);
        compile_rules(context, at, probe);
    } else {
        return;
    }
    if (context.problems.size() == told) context.plan.probes.push_back(std::move(probe));
}

}  // namespace

void compile_watch(CompileContext& context, const Node& root) {
    const auto watch = root.at("watch");
    const auto probes = watch.at("probes"), port = watch.at("port");
    compile_port(context, watch);
    for (const auto kind : {Kind::startup, Kind::liveness, Kind::readiness}) {
        if (const auto probe = probes.at(to_string(kind))) compile_probe(context, probe, kind);
    }
    if (const auto close_wait = watch.at("close_wait"); close_wait && !port) {
        context.problem_about_key(close_wait, "\"close_wait\" is about the sockets of a port",
                                  "add \"port\": 8080");
    } else if (watch.is_object() && !port && !probes) {
        context.problem(watch, "\"watch\" names nothing to watch",
                        R"(add "port": 8080, or "probes": {"liveness": "service/healthz/live"})");
    }
    if (probes.is_object() && probes.members().empty()) {
        context.problem(probes, "there is no probe",
                        R"(add one: "liveness": "service/healthz/live")");
    }
}

}  // namespace loadline
